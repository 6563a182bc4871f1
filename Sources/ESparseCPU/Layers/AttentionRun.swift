// One attention of a batch: keys and values into the cache, then tiles and pieces over the thread pool.

import CESparseCPU
import ESparseCore

/// What the pieces of one `attend` share while it runs.
@safe struct AttentionRun: @unchecked Sendable {
    let kernels: LayerKernels
    let buffers: BufferPool
    let batch: TokenBatch
    let attention: CPUAttention
    let cache: CPUKeyValueCache.Layout
    let layer: Int
    let query: UnsafePointer<Float>
    let output: UnsafeMutablePointer<Float>
    let keys: UnsafeMutableRawPointer
    let values: UnsafeMutableRawPointer
    /// `[row, 2, frequency]`, rows as `RotaryAngles` has them.
    let rotation: FloatBuffer?
    /// First token of each segment.
    let firstTokens: [Int]

    private var shape: AttentionDescription { attention.description }
    private var group: Int { shape.headCount / shape.keyValueHeadCount }
    private var frequencyCount: Int { shape.rotaryFrequencies?.count ?? 0 }

    /// The row of a segment's position 0 in `rotation`.
    private func rotation(of segment: TokenBatch.Segment) -> UnsafePointer<Float>? {
        guard let rotation, let angles = attention.rotary?.angles else { return nil }
        return unsafe UnsafePointer(rotation.start + angles.firstRow(length: segment.textLength) * 2 * frequencyCount)
    }

    /// Tokens of one segment that go to the cache in one piece.
    private struct AppendPiece {
        var segment: Int
        var first: Int
        var count: Int
    }

    /// Writes keys and values `[T, K * S]` of the batch to the cache.
    func append(key: UnsafePointer<Float>, value: UnsafePointer<Float>) {
        var pieces: [AppendPiece] = []
        for (index, segment) in batch.segments.enumerated() {
            for first in stride(from: 0, to: segment.count, by: 64) {
                pieces.append(AppendPiece(segment: index, first: first, count: min(64, segment.count - first)))
            }
        }
        nonisolated(unsafe) let key = unsafe key
        nonisolated(unsafe) let value = unsafe value
        let stride = shape.keyValueHeadCount * shape.headSize
        kernels.forEachRange(of: pieces.count, size: 8) { [pieces] range in
            for piece in pieces[range] {
                let segment = batch.segments[piece.segment]
                let position = segment.start + piece.first
                let token = firstTokens[piece.segment] + piece.first
                for head in 0..<shape.keyValueHeadCount {
                    let source = token * stride + head * shape.headSize
                    let target =
                        cache.offset(layer: layer, sequence: segment.sequence, head: head) + position
                        * cache.rowByteCount
                    let isBFloat16: Int32 = cache.isBFloat16 ? 1 : 0
                    unsafe kernels.functions.append(
                        key + source, piece.count, stride, shape.headSize, cache.paddedSize, rotation(of: segment),
                        frequencyCount, position, isBFloat16, keys + target)
                    unsafe kernels.functions.append(
                        value + source, piece.count, stride, shape.headSize, cache.paddedSize, nil, 0, position,
                        isBFloat16, values + target)
                }
            }
        }
    }

    /// Query rows of one segment and key/value head that are handled together.
    private struct Piece {
        var segment: Int
        var head: Int
        /// The first row of a tile, or the first key of a piece of the attention of a few rows.
        var first: Int
        /// Number of a piece of the attention of a few rows, of `pieceCount`.
        var index = 0
        var pieceCount = 0
        /// Place of the first of the partial results.
        var partial = 0
    }

    /// Attention of the whole batch.
    func attend() {
        var tiles: [Piece] = []
        var fewPieces: [Piece] = []
        var partialCount = 0
        let chunk = Int(esparse_attention_chunk)
        for (index, segment) in batch.segments.enumerated() {
            let rows = segment.count * group
            for head in 0..<shape.keyValueHeadCount {
                if rows > Int(esparse_attention_few_rows) {
                    for row in stride(from: 0, to: rows, by: Int(esparse_attention_lanes)) {
                        tiles.append(Piece(segment: index, head: head, first: row))
                    }
                } else {
                    let earliest = shape.firstVisible(from: segment.start)
                    let count = (segment.start + segment.count - earliest + chunk - 1) / chunk
                    for piece in 0..<count {
                        fewPieces.append(
                            Piece(
                                segment: index, head: head, first: earliest + piece * chunk, index: piece,
                                pieceCount: count, partial: partialCount))
                    }
                    partialCount += count * rows * (2 + cache.paddedSize)
                }
            }
        }
        // Later tiles see more keys, up to the window: the longest first, so that threads finish together.
        func keyCount(_ tile: Piece) -> Int {
            min(batch.segments[tile.segment].start + tile.first / group, shape.window ?? .max)
        }
        tiles.sort { keyCount($0) > keyCount($1) }
        kernels.pool.run(count: tiles.count) { [tiles] index in attendTile(tiles[index]) }
        if !fewPieces.isEmpty { attendFew(fewPieces, partials: buffers.buffer(count: partialCount)) }
    }

    private func attendTile(_ tile: Piece) {
        let scratch = buffers.buffer(count: esparse_attention_tile_scratch(cache.paddedSize))
        unsafe withTask(tile) { task in
            unsafe task.first_row = tile.first
            unsafe task.row_count = min(Int(esparse_attention_lanes), task.row_count - tile.first)
            unsafe task.scratch = scratch.start
            unsafe kernels.functions.attend_tile(&task)
        }
        withExtendedLifetime(scratch) {}
    }

    private func attendFew(_ pieces: [Piece], partials: FloatBuffer) {
        let rowSize = 2 + cache.paddedSize
        kernels.pool.run(count: pieces.count) { index in
            let piece = pieces[index]
            let scratch = buffers.buffer(count: esparse_attention_few_scratch(cache.paddedSize))
            unsafe withTask(piece) { task in
                let chunk = Int(esparse_attention_chunk)
                let keyCount = unsafe task.start + batch.segments[piece.segment].count
                unsafe task.first_key = piece.first
                unsafe task.key_count = min(chunk, keyCount - piece.first)
                unsafe task.scratch = scratch.start
                unsafe task.partial = partials.start + piece.partial + piece.index * task.row_count * rowSize
                unsafe kernels.functions.attend_few(&task)
                if piece.pieceCount == 1 { unsafe kernels.functions.merge_few(&task, 1) }
            }
            withExtendedLifetime(scratch) {}
        }
        let merges = pieces.filter { $0.index == 0 && $0.pieceCount > 1 }
        kernels.pool.run(count: merges.count) { index in
            unsafe withTask(merges[index]) { task in
                unsafe task.partial = partials.start + merges[index].partial
                unsafe kernels.functions.merge_few(&task, merges[index].pieceCount)
            }
        }
    }

    /// Calls `body` with the task of all rows of a piece's segment and head, still without scratch memory.
    private func withTask(_ piece: Piece, _ body: (inout esparse_attention_task) -> Void) {
        let segment = batch.segments[piece.segment]
        let stride = shape.headCount * shape.headSize
        let firstChannel = piece.head * group * shape.headSize
        let token = firstTokens[piece.segment]
        let offset = cache.offset(layer: layer, sequence: segment.sequence, head: piece.head)
        unsafe attention.positions.withUnsafeBufferPointer { positions in
            var task = unsafe esparse_attention_task(
                query: query + token * stride + firstChannel, output: output + token * stride, stride: stride,
                first_channel: firstChannel, positions: positions.isEmpty ? nil : positions.baseAddress, group: group,
                size: shape.headSize, padded_size: cache.paddedSize, first_row: 0, row_count: segment.count * group,
                start: segment.start, keys: keys + offset, values: values + offset,
                cache_is_bf16: cache.isBFloat16 ? 1 : 0, scale: shape.scale, soft_cap: shape.softCap ?? 0,
                window: min(shape.window ?? .max, 1 << 30), rotation: rotation(of: segment),
                frequency_count: frequencyCount, scratch: output, first_key: 0, key_count: 0, partial: nil)
            unsafe body(&task)
        }
    }
}

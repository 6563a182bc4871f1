// Attention on a device: rotary positions and the KV cache, then the kernels that the plan names.

package import ESparseCore

extension CUDABackend {
    /// Appends keys and values of the batch to the cache and returns causal attention within the window, `[T, H * S]`, 16 bits.
    package func attend(
        query: CUDAActivation, key: CUDAActivation, value: CUDAActivation, batch: TokenBatch, layer: Int,
        with attention: CUDAAttention, cache: inout CUDAKeyValueCache
    ) throws(CUDAError) -> CUDAActivation {
        let shape = attention.description
        let keyChannels = shape.keyValueHeadCount * shape.headSize
        precondition(
            query.channels == shape.headCount * shape.headSize && key.channels == keyChannels
                && value.channels == keyChannels, "queries, keys or values do not have the attention's channels")
        precondition(
            query.tokens == batch.tokenCount && key.tokens == batch.tokenCount && value.tokens == batch.tokenCount,
            "queries, keys or values are not those of the batch")
        let held = cache.description
        precondition(
            held.keyValueHeadCount == shape.keyValueHeadCount && held.headSize == shape.headSize,
            "the cache is of another attention's shape")
        precondition(
            batch.segments.allSatisfy {
                $0.start + $0.count <= held.capacity && $0.sequence < held.sequenceCount
            }, "the cache is full")
        let step = DecodingStep.current
        let run = try AttentionRun(
            context: context, attention: attention, places: context.places(of: batch), description: held,
            sequenceByteCount: cache.sequenceByteCount, layer: cache.mutableLayer(layer))
        let angles = attention.rotary?.angles
        let rowCount = step == nil ? angles?.rowCount(for: batch) : angles?.rowCount(capacity: held.capacity)
        let turned = try run.append(
            query: context.halves(of: query), key: context.halves(of: key), value: context.halves(of: value),
            rowCount: rowCount ?? 0)
        let output = try context.makeActivation(tokens: query.tokens, channels: query.channels, .half)
        let plan = AttentionPlan(
            batch, headCount: shape.headCount, headSize: shape.headSize, window: shape.window,
            leastSplits: step?.splits ?? 1)
        for part in plan.parts { try run.attend(part, query: turned, output: output) }
        return output
    }
}

/// State shared by the launches of one attention.
private struct AttentionRun {
    let context: CUDAContext
    let attention: CUDAAttention
    let places: BatchPlaces
    let description: CacheDescription
    let sequenceByteCount: Int
    let layer: (keys: DeviceSlice, values: DeviceSlice)

    private var shape: AttentionDescription { attention.description }
    private var suffix: String { context.type.rawValue }

    /// `shape.window`, or more than any position.
    private var window: Int { min(shape.window ?? .max, Int(Int32.max)) }

    /// Writes keys and values to the cache; returns the queries at their positions, for which the rotary table needs `rowCount` rows.
    func append(
        query: CUDAActivation, key: CUDAActivation, value: CUDAActivation, rowCount: Int
    ) throws(CUDAError) -> CUDAActivation {
        let rows = try attention.rotary?.rows(rowCount)
        // What may be replaced while the model lives.
        DecodingStep.current?.keep([rows?.cosines, rows?.sines, layer.keys.buffer, layer.values.buffer])
        // Without rotary positions the queries stay as they are.
        var turned = query
        if rows != nil { turned = try context.makeActivation(tokens: query.tokens, channels: query.channels, .half) }
        let queryHeads = rows == nil ? 0 : shape.headCount
        let angles = attention.rotary?.angles
        try context.launch(
            "esparse_append_\(suffix)", in: .positions,
            grid: (query.tokens, queryHeads + shape.keyValueHeadCount, 1), block: 32,
            [
                .pointer(query.slice), .pointer(key.slice), .pointer(value.slice), .pointer(places.sequences),
                .pointer(places.positions), .pointer(places.lengths), .pointer(rows?.cosines.all),
                .pointer(rows?.sines.all), .count(angles?.frequencyCount ?? 0),
                .count(angles?.longRow ?? Int(Int32.max)), .count(queryHeads), .count(shape.keyValueHeadCount),
                .count(shape.headSize), .count(description.capacity), .pointer(turned.slice), .pointer(layer.keys),
                .pointer(layer.values),
            ])
        return turned
    }

    /// One part of the plan.
    func attend(_ part: AttentionPlan.Part, query: CUDAActivation, output: CUDAActivation) throws(CUDAError) {
        let first = part.tokens.lowerBound
        let querySlice = query.slice(fromToken: first)
        let outputSlice = output.slice(fromToken: first)
        switch part.kernel {
        case .tiled(let sequence, let start):
            let offset = sequence * sequenceByteCount
            try context.launch(
                "esparse_attend_tiled_\(shape.headSize)_\(suffix)", in: .attentionTiled,
                grid: ((part.tokens.count + 63) / 64, shape.headCount, 1), block: 128,
                sharedBytes: 2 * 64 * (shape.headSize + 8) * 2,
                [
                    .pointer(querySlice), .pointer(layer.keys.slice(from: offset)),
                    .pointer(layer.values.slice(from: offset)), .float(shape.scale), .float(shape.softCap ?? 0),
                    .count(window), .count(shape.keyValueHeadCount), .count(description.capacity), .count(start),
                    .count(part.tokens.count),
                    .pointer(attention.places?.all), .pointer(outputSlice),
                ])
        case .few(let splits):
            let parts = try context.device.scratch(
                part.tokens.count * shape.headCount * splits * (shape.headSize + 2) * 4)
            try context.launch(
                "esparse_attend_part_\(suffix)", in: .attentionFew,
                grid: (part.tokens.count, shape.headCount, splits), block: 128,
                sharedBytes: (shape.headSize + 128) * 4,
                [
                    .pointer(querySlice), .pointer(layer.keys), .pointer(layer.values),
                    .pointer(places.sequences.slice(from: 4 * first)),
                    .pointer(places.positions.slice(from: 4 * first)), .float(shape.scale),
                    .float(shape.softCap ?? 0), .count(window), .count(shape.keyValueHeadCount), .count(shape.headSize),
                    .count(description.capacity),
                    .count(AttentionPlan.splitLength), .pointer(parts.all),
                ])
            try context.launch(
                "esparse_attend_combine_\(suffix)", in: .attentionFew,
                grid: (part.tokens.count, shape.headCount, 1), block: 128,
                [
                    .pointer(parts.all), .count(splits), .count(shape.headSize), .pointer(attention.places?.all),
                    .pointer(outputSlice),
                ])
        }
    }
}

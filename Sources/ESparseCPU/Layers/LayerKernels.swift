// The C kernels of everything but linears, for one instruction set, cut into pieces for the thread pool.

package import CESparseCPU
import ESparseCore

/// The layer kernels of one instruction set and the threads they run on.
///
/// Work is cut into pieces that do not depend on the number of threads.
@safe package struct LayerKernels: @unchecked Sendable {
    /// Values in one piece of an element-wise operation: enough to be worth a thread, small beside the caches.
    private static let pieceSize = 1 << 14

    /// The C functions.
    package let functions: esparse_layer_kernels
    /// The threads.
    package let pool: ThreadPool

    /// Kernels of an instruction set, which the processor must have, on the threads of `pool`.
    package init(_ instructionSet: InstructionSet, pool: ThreadPool) {
        functions = instructionSet.layerKernels
        self.pool = pool
    }

    /// Calls `body` with consecutive ranges that cover `[0, count)`, `size` long but for the last.
    package func forEachRange(of count: Int, size: Int, _ body: @Sendable (Range<Int>) -> Void) {
        pool.run(count: (count + size - 1) / size) { piece in
            body(piece * size..<min((piece + 1) * size, count))
        }
    }

    /// Normalises `runs` runs of the normalisation's channels, which lie one after another.
    func normalize(
        _ input: UnsafePointer<Float>, runs: Int, with normalization: CPUNormalization,
        output: UnsafeMutablePointer<Float>
    ) {
        let channels = normalization.size
        nonisolated(unsafe) let input = unsafe input
        nonisolated(unsafe) let output = unsafe output
        forEachRange(of: runs, size: max(1, Self.pieceSize / channels)) { range in
            let source = unsafe input + range.lowerBound * channels
            let target = unsafe output + range.lowerBound * channels
            unsafe normalization.weight.withUnsafeBufferPointer { weight in
                unsafe normalization.bias.withUnsafeBufferPointer { bias in
                    unsafe normalization.order.withUnsafeBufferPointer { order in
                        guard let weight = weight.baseAddress, let bias = bias.baseAddress else { return }
                        let order = normalization.order.isEmpty ? nil : order.baseAddress
                        switch normalization.kind {
                        case .rootMeanSquare:
                            unsafe functions.normalize_rms(
                                source, range.count, channels, weight, normalization.epsilon, order, target)
                        case .layer:
                            unsafe functions.normalize_layer(
                                source, range.count, channels, weight, bias, normalization.epsilon, order, target)
                        }
                    }
                }
            }
        }
    }

    /// `output = function(gate) * up`, or `function(gate)` without `up`.
    func apply(
        _ function: ActivationFunction, _ gate: UnsafePointer<Float>, _ up: UnsafePointer<Float>?, count: Int,
        output: UnsafeMutablePointer<Float>
    ) {
        let code =
            switch function {
            case .silu: esparse_function_silu
            case .relu: esparse_function_relu
            case .gelu: esparse_function_gelu
            case .geluTanh: esparse_function_gelu_tanh
            }
        nonisolated(unsafe) let gate = unsafe gate
        nonisolated(unsafe) let up = unsafe up
        nonisolated(unsafe) let output = unsafe output
        forEachRange(of: count, size: Self.pieceSize) { range in
            let first = range.lowerBound
            let factor = unsafe up.map { unsafe $0 + first }
            unsafe functions.apply(code, gate + first, factor, range.count, output + first)
        }
    }

    func add(_ addend: UnsafePointer<Float>, to accumulator: UnsafeMutablePointer<Float>, count: Int) {
        nonisolated(unsafe) let addend = unsafe addend
        nonisolated(unsafe) let accumulator = unsafe accumulator
        forEachRange(of: count, size: Self.pieceSize) { range in
            unsafe functions.add(addend + range.lowerBound, range.count, accumulator + range.lowerBound)
        }
    }

    /// `values = cap * tanh(values / cap)`.
    func softCap(_ values: UnsafeMutablePointer<Float>, count: Int, at cap: Float) {
        nonisolated(unsafe) let values = unsafe values
        forEachRange(of: count, size: Self.pieceSize) { range in
            unsafe functions.soft_cap(cap, range.count, values + range.lowerBound)
        }
    }

    /// Rows `indices` of a table as singles, times its scale.
    func embed(_ indices: [Int32], in embedding: CPUEmbedding, output: UnsafeMutablePointer<Float>) {
        let table = embedding.table
        let channels = table.columns
        let rowByteCount = channels * table.elementType.byteCount
        nonisolated(unsafe) let output = unsafe output
        forEachRange(of: indices.count, size: max(1, Self.pieceSize / channels)) { range in
            unsafe table.withUnsafeBytes { bytes in
                for token in range {
                    let row = Int(indices[token])
                    precondition(row >= 0 && row < table.rows, "row of an embedding outside the table")
                    guard let base = bytes.baseAddress else { continue }
                    let source = unsafe base + row * rowByteCount
                    let target = unsafe output + token * channels
                    switch table.elementType {
                    case .bfloat16: unsafe functions.widen_bf16(source, channels, target)
                    case .float16: unsafe functions.widen_f16(source, channels, target)
                    case .float32:
                        unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: rowByteCount)
                    case .uint8, .int32, .int64:
                        preconditionFailure("CPUEmbedding refuses \(table.elementType)")
                    }
                    if embedding.scale != 1 { unsafe functions.scale(embedding.scale, channels, target) }
                }
            }
        }
    }
}

// The operations of the CUDA backend on activations; all throw `CUDAError` when the device fails, most often for want of memory.

package import ESparseCore

extension CUDABackend {
    /// Copies values `[T, channels]` in.
    package func activation(_ values: [Float], channels: Int) throws(CUDAError) -> CUDAActivation {
        precondition(channels > 0 && values.count % channels == 0, "values do not fill rows of \(channels) channels")
        var activation = try context.makeActivation(
            tokens: values.count / channels, channels: channels, .float32)
        try activation.mutableSlice().upload(values)
        return activation
    }

    /// Copies in the values `[T, channels]` that `fill` writes to page-locked memory.
    package func activation(
        tokens: Int, channels: Int, fill: (inout MutableSpan<Float>) throws -> Void
    ) throws -> CUDAActivation {
        let byteCount = 4 * tokens * channels
        let staged = try context.staging.borrow(byteCount: byteCount)
        defer { context.staging.giveBack(staged) }
        try staged.withValues(as: Float.self, count: tokens * channels, fill)
        var activation = try context.makeActivation(tokens: tokens, channels: channels, .float32)
        if byteCount > 0 { try staged.enqueueCopy(to: activation.mutableSlice(), byteCount: byteCount) }
        // The memory may be lent out again after this.
        try device.synchronize()
        return activation
    }

    /// Copies values out, row-major; waits for all work.
    package func floats(of activation: CUDAActivation) throws(CUDAError) -> [Float] {
        try context.singles(of: activation).slice.download(Float.self, count: activation.count)
    }

    /// Calls `body` with a copy of the values in page-locked memory, row-major; waits for all work.
    package func withFloats<Result>(
        of activation: CUDAActivation, _ body: (Span<Float>) throws -> Result
    ) throws -> Result {
        let byteCount = 4 * activation.count
        let staged = try context.staging.borrow(byteCount: byteCount)
        defer { context.staging.giveBack(staged) }
        if byteCount > 0 {
            try staged.enqueueCopy(from: context.singles(of: activation).slice, byteCount: byteCount)
        }
        try device.synchronize()
        return try staged.withValues(as: Float.self, count: activation.count) { try body($0.span) }
    }

    /// Rows `indices` of the table times its scale, `[indices.count, channels]`, single precision; in a step those of the step's tokens.
    package func embed(_ indices: [Int32], in table: CUDAEmbedding) throws(CUDAError) -> CUDAActivation {
        precondition(indices.allSatisfy { $0 >= 0 && Int($0) < table.rows }, "a row is outside the table")
        let output = try context.makeActivation(tokens: indices.count, channels: table.channels, .float32)
        let places = try context.indices(indices)
        try context.launch(
            "esparse_embed_\(table.type)", in: .elements, grid: (indices.count, 1, 1), block: 256,
            [
                .pointer(table.table.all), .pointer(places), .float(table.scale), .count(table.channels),
                .pointer(output.slice),
            ])
        return output
    }

    /// `hidden += table[position + offset]`, times the table's scale, for every token's position, in single precision.
    package func addPositions(
        of batch: TokenBatch, offset: Int, from table: CUDAEmbedding, to hidden: inout CUDAActivation
    ) throws(CUDAError) {
        precondition(
            hidden.channels == table.channels && hidden.tokens == batch.tokenCount,
            "the residual stream does not have the positions' shape")
        precondition(
            batch.segments.allSatisfy { $0.start + offset >= 0 && $0.start + $0.count + offset <= table.rows },
            "a position is outside the table")
        hidden = try context.singles(of: hidden)
        let places = try context.places(of: batch)
        try context.launch(
            "esparse_add_positions_\(table.type)", in: .elements, grid: (hidden.tokens, 1, 1), block: 256,
            [
                .pointer(table.table.all), .pointer(places.positions), .count(offset), .float(table.scale),
                .count(table.channels), .pointer(hidden.mutableSlice()),
            ])
    }

    /// `x` `[T, n * size]` with every run of the normalisation's `size` channels normalised on its own, 16 bits.
    package func normalize(_ input: CUDAActivation, with normalization: CUDANormalization) throws(CUDAError)
        -> CUDAActivation
    {
        let (runs, rest) = input.channels.quotientAndRemainder(dividingBy: normalization.size)
        precondition(rest == 0, "input does not have the normalisation's channels")
        precondition(runs == 1 || normalization.order == nil, "runs of channels keep their order")
        let values = try context.singles(of: input)
        let output = try context.makeActivation(tokens: input.tokens, channels: input.channels, .half)
        var arguments: [KernelArgument] = [.pointer(values.slice), .pointer(normalization.weight?.all)]
        let name: String
        switch normalization.kind {
        case .rootMeanSquare: name = "esparse_rms_norm"
        case .layer:
            name = "esparse_layer_norm"
            arguments.append(.pointer(normalization.bias?.all))
        }
        arguments += [
            .pointer(normalization.order?.all), .float(normalization.epsilon), .count(normalization.size),
            .pointer(output.slice),
        ]
        try context.launch(
            "\(name)_\(type.rawValue)", in: .normalization, grid: (input.tokens * runs, 1, 1),
            block: min(256, (normalization.size + 31) / 32 * 32), arguments)
        return output
    }

    /// `x W^T + b`, `[T, R]`, 16 bits.
    package func multiply(_ input: CUDAActivation, by linear: CUDALinear) throws(CUDAError) -> CUDAActivation {
        try product(input, by: linear, .half)
    }

    /// Logits `x W^T + b`, `[T, R]`, capped where there is a `softCap`; single precision, so that those that differ in the last bits stay
    /// different.
    package func logits(
        _ input: CUDAActivation, by head: CUDALinear, softCap: Float?
    ) throws(CUDAError) -> CUDAActivation {
        let logits = try product(input, by: head, .float32)
        if let softCap { try context.cap(logits.slice, count: logits.count, at: softCap) }
        return logits
    }

    private func product(
        _ input: CUDAActivation, by linear: CUDALinear, _ element: CUDAActivation.Element
    ) throws(CUDAError) -> CUDAActivation {
        precondition(input.channels == linear.columns, "input does not have the linear's channels")
        let halves = try context.halves(of: input)
        let output = try context.makeActivation(tokens: input.tokens, channels: linear.rows, element)
        try linear.multiply(
            halves.slice, tokens: input.tokens,
            to: element == .half ? .halves(output.slice) : .singles(output.slice))
        return output
    }

    /// `residual += x W^T + b`, in single precision.
    package func multiply(
        _ input: CUDAActivation, by linear: CUDALinear, addingTo residual: inout CUDAActivation
    ) throws(CUDAError) {
        precondition(input.channels == linear.columns, "input does not have the linear's channels")
        precondition(
            residual.channels == linear.rows && residual.tokens == input.tokens,
            "residual does not have the linear's shape")
        let halves = try context.halves(of: input)
        residual = try context.singles(of: residual)
        try linear.multiply(halves.slice, tokens: input.tokens, to: .sum(residual.mutableSlice()))
    }

    /// `function(gate) * up`, `[T, channels]`, 16 bits.
    package func gate(_ gate: CUDAActivation, _ up: CUDAActivation, function: ActivationFunction) throws(CUDAError)
        -> CUDAActivation
    {
        precondition(gate.channels == up.channels && gate.tokens == up.tokens, "gate and up differ in shape")
        let gates = try context.halves(of: gate)
        let ups = try context.halves(of: up)
        let output = try context.makeActivation(tokens: gate.tokens, channels: gate.channels, .half)
        try context.launchElements(
            "esparse_gate_\(type.rawValue)", count: gate.count,
            [.pointer(gates.slice), .pointer(ups.slice), .int32(function.kernelCode)], output: output.slice)
        return output
    }

    /// `function(x)`, `[T, channels]`, 16 bits.
    package func apply(_ function: ActivationFunction, to input: CUDAActivation) throws(CUDAError) -> CUDAActivation {
        let halves = try context.halves(of: input)
        let output = try context.makeActivation(tokens: input.tokens, channels: input.channels, .half)
        try context.launchElements(
            "esparse_activate_\(type.rawValue)", count: input.count,
            [.pointer(halves.slice), .int32(function.kernelCode)], output: output.slice)
        return output
    }

    /// `accumulator += addend`, in single precision.
    package func add(_ addend: CUDAActivation, to accumulator: inout CUDAActivation) throws(CUDAError) {
        precondition(
            addend.channels == accumulator.channels && addend.tokens == accumulator.tokens, "terms differ in shape")
        accumulator = try context.singles(of: accumulator)
        let target = try accumulator.mutableSlice()
        let suffix = addend.element == .float32 ? "float32" : type.rawValue
        try context.launchElements(
            "esparse_add_\(suffix)", count: addend.count, [.pointer(addend.slice)], output: target)
    }

    /// Rows `indices` of an activation, `[indices.count, channels]`, single precision.
    package func rows(_ indices: [Int], of activation: CUDAActivation) throws(CUDAError) -> CUDAActivation {
        precondition(
            indices.allSatisfy { $0 >= 0 && $0 < activation.tokens }, "a row is outside the activation")
        // In decoding every row is the last of its sequence.
        if activation.element == .float32, indices.elementsEqual(0..<activation.tokens) { return activation }
        let values = try context.singles(of: activation)
        let output = try context.makeActivation(tokens: indices.count, channels: activation.channels, .float32)
        let places = try device.buffer(indices.map { Int32($0) })
        try context.launch(
            "esparse_rows", in: .elements, grid: (indices.count, 1, 1), block: 256,
            [
                .pointer(values.slice), .pointer(places.all), .count(activation.channels),
                .pointer(output.slice),
            ])
        return output
    }

    /// `-ln softmax(logits)[target]` of every row, and whether the target is the likeliest token, `[T]`.
    package func likelihoods(
        of targets: [Int32], hidden: CUDAActivation, head: CUDALinear, softCap: Float?
    ) throws(CUDAError) -> [TargetLikelihood] {
        precondition(targets.count == hidden.tokens, "a target is needed for every token")
        precondition(hidden.channels == head.columns, "hidden states do not have the head's channels")
        return try head.likelihoods(
            of: targets, hidden: context.halves(of: hidden), softCap: softCap, context: context, tile: vocabularyTile)
    }
}

extension CUDAContext {
    /// `values = cap * tanh(values / cap)`, `[count]`, single precision.
    func cap(_ values: DeviceSlice, count: Int, at cap: Float) throws(CUDAError) {
        try launchElements("esparse_soft_cap", count: count, [.float(cap)], output: values)
    }
}

extension ActivationFunction {
    /// The number of the function in `elements.cu`.
    var kernelCode: Int32 {
        switch self {
        case .silu: 0
        case .relu: 1
        case .gelu: 2
        case .geluTanh: 3
        }
    }
}

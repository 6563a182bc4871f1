// Tokens drawn from logits on the device.

package import ESparseCore

extension CUDABackend {
    /// Draws a token from each row of `logits` `[T, V]`, single precision; only the tokens come back, `[T]`.
    package func drawTokens(
        from logits: CUDAActivation, by rule: SamplingRule, uniforms: [Double]
    ) throws(CUDAError) -> [Int32]? {
        precondition(logits.element == .float32 && logits.tokens == uniforms.count, "a number is needed for every row")
        guard logits.tokens > 0 else { return [] }
        let tokens = try device.allocate(4 * logits.tokens)
        try context.draw(from: logits, by: rule, uniforms: device.buffer(uniforms).all, to: tokens.all)
        return try tokens.all.download(Int32.self, count: logits.tokens)
    }
}

extension CUDAContext {
    /// Puts the kernels of `sampling.cu` on the stream: a token for each row of `logits`, int32, by `uniforms`, f64.
    func draw(
        from logits: CUDAActivation, by rule: SamplingRule, uniforms: DeviceSlice, to tokens: DeviceSlice
    ) throws(CUDAError) {
        let (rows, vocabulary) = (logits.tokens, logits.channels)
        precondition(uniforms.byteCount >= 8 * rows && tokens.byteCount >= 4 * rows, "a row has no place")
        let largest = try device.scratch(4 * rows)
        try sample(
            "likeliest", rows: rows,
            [.pointer(logits.slice), .count(vocabulary), .pointer(tokens), .pointer(largest.all)])
        guard rule.temperature > 0 else { return }
        var thresholds: DeviceBuffer?
        if let rank = rule.topK, rank < vocabulary {
            let buffer = try device.scratch(4 * rows)
            try sample(
                "threshold", rows: rows,
                [.pointer(logits.slice), .count(vocabulary), .count(rank), .pointer(buffer.all)])
            thresholds = buffer
        }
        let weights = try device.scratch(4 * rows * vocabulary)
        try launch(
            "esparse_sample_weights", in: .sampling, grid: ((vocabulary + 255) / 256, rows, 1), block: 256,
            [
                .pointer(logits.slice), .pointer(largest.all), .pointer(thresholds?.all), .count(vocabulary),
                .float(rule.temperature), .pointer(weights.all),
            ])
        try sample(
            "draw", rows: rows,
            [
                .pointer(weights.all), .pointer(uniforms), .count(vocabulary), .double(Double(rule.topP ?? 1)),
                .pointer(tokens),
            ])
    }

    /// One of the kernels that have a block for each row.
    private func sample(_ name: String, rows: Int, _ arguments: [KernelArgument]) throws(CUDAError) {
        try launch("esparse_sample_\(name)", in: .sampling, grid: (rows, 1, 1), block: 512, arguments)
    }
}

// Scores target tokens under a language-model head on a device, without holding the logits of the whole vocabulary.

import ESparseCore

extension CUDALinear {
    /// `-ln softmax(h W^T + b)[target]` of every row of `hidden` `[T, C]`, 16 bits, and whether the target is the likeliest token;
    /// this linear is the head, R its vocabulary. Targets must be in `[0, R)`. `softCap` caps the logits before softmax.
    ///
    /// Logits come `tile` entries of the vocabulary at a time, a multiple of 8, for at most `mostTokens` tokens.
    func likelihoods(
        of targets: [Int32], hidden: CUDAActivation, softCap: Float?, context: CUDAContext, tile: Int
    ) throws(CUDAError) -> [TargetLikelihood] {
        precondition(targets.allSatisfy { $0 >= 0 && Int($0) < rows }, "a target is outside the vocabulary")
        precondition(tile > 0 && tile % 8 == 0, "a tile starts at a multiple of 16 bytes")
        let weight = try denseWeight()
        var likelihoods: [TargetLikelihood] = []
        for first in stride(from: 0, to: targets.count, by: Self.mostTokens) {
            let part = Array(targets[first..<min(first + Self.mostTokens, targets.count)])
            likelihoods += try chunkLikelihoods(
                of: part, hidden: hidden.slice(fromToken: first), weight: weight, softCap: softCap, context: context,
                tile: tile)
        }
        return likelihoods
    }

    /// Tokens whose logits are in memory at once.
    private static let mostTokens = 1024
    /// Bytes of `likelihood_state` in `likelihood.cu`.
    private static let stateBytes = 16

    private func chunkLikelihoods(
        of targets: [Int32], hidden: DeviceSlice, weight: DeviceBuffer, softCap: Float?, context: CUDAContext,
        tile: Int
    ) throws(CUDAError) -> [TargetLikelihood] {
        let tokens = targets.count
        let device = context.device
        let targetBuffer = try device.buffer(targets)
        let states = try device.allocate(Self.stateBytes * tokens)
        let losses = try device.allocate(8 * tokens)
        let greedy = try device.allocate(tokens)
        let logits = try device.allocate(4 * tokens * min(tile, rows))
        let perToken = (x: (tokens + 255) / 256, y: 1, z: 1)
        try context.launch(
            "esparse_likelihood_begin", in: .likelihood, grid: perToken, block: 256,
            [.count(tokens), .pointer(states.all)])
        for first in stride(from: 0, to: rows, by: tile) {
            let range = first..<min(first + tile, rows)
            try multiplyDense(hidden, tokens: tokens, weight.all, rows: range, to: .singles(logits.all))
            if let softCap { try context.cap(logits.all, count: tokens * range.count, at: softCap) }
            try context.launch(
                "esparse_likelihood_add", in: .likelihood, grid: (tokens, 1, 1), block: 256,
                [
                    .pointer(logits.all), .pointer(targetBuffer.all), .count(first), .count(range.count),
                    .pointer(states.all),
                ])
        }
        try context.launch(
            "esparse_likelihood_end", in: .likelihood, grid: perToken, block: 256,
            [.pointer(states.all), .count(tokens), .pointer(losses.all), .pointer(greedy.all)])
        let values = try losses.all.download(UInt64.self, count: tokens)
        let flags = try greedy.all.download(UInt8.self, count: tokens)
        return zip(values, flags).map {
            TargetLikelihood(negativeLogLikelihood: Double(bitPattern: $0), isGreedy: $1 != 0)
        }
    }
}

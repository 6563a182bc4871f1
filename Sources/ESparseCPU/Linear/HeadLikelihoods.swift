// How likely target tokens are under a language-model head, without ever holding the logits of all the vocabulary.

internal import CESparseCPU
package import ESparseCore

extension CPULinear {
    /// `-ln softmax(h W^T + b)[target]` for every row of `hidden` `[T, C]`, and whether the target is the likeliest token;
    /// this linear is the head, R its vocabulary. Targets must be in `[0, R)`. `softCap` caps the logits before softmax.
    ///
    /// A tile of logits becomes its largest value and the sum of `exp(logit - largest)` as soon as it is computed; a token's
    /// tiles are then combined in their order, in double precision.
    package func likelihoods(
        targets: [Int32], hidden: UnsafePointer<Float>, softCap: Float? = nil, pool: ThreadPool
    ) -> [TargetLikelihood] {
        precondition(targets.allSatisfy { $0 >= 0 && Int($0) < rows }, "a target is outside the vocabulary")
        let chunk = Self.mostTokensAtOnce
        var likelihoods: [TargetLikelihood] = []
        likelihoods.reserveCapacity(targets.count)
        for first in stride(from: 0, to: targets.count, by: chunk) {
            let part = Array(targets[first..<min(first + chunk, targets.count)])
            unsafe likelihoods.append(
                contentsOf: chunkLikelihoods(
                    targets: part, hidden: hidden + first * columns, softCap: softCap, pool: pool))
        }
        return likelihoods
    }

    private func chunkLikelihoods(
        targets: [Int32], hidden: UnsafePointer<Float>, softCap: Float?, pool: ThreadPool
    ) -> [TargetLikelihood] {
        let tokens = targets.count
        let pass = pass(tokens: tokens)
        let rowTile = pass.plan.rowTile
        let capLogits = unsafe instructionSet.layerKernels.soft_cap
        let tileCount = (rows + rowTile - 1) / rowTile
        // [tile, token]: every tile writes its own row; the target's logit is written by the one tile that holds it.
        var maxima = [Float](repeating: -.infinity, count: tileCount * tokens)
        var sums = [Double](repeating: 0, count: tileCount * tokens)
        var targetLogits = [Float](repeating: 0, count: tokens)
        unsafe maxima.withUnsafeMutableBufferPointer { maximaBuffer in
            unsafe sums.withUnsafeMutableBufferPointer { sumsBuffer in
                unsafe targetLogits.withUnsafeMutableBufferPointer { logitsBuffer in
                    nonisolated(unsafe) let maxima = unsafe maximaBuffer
                    nonisolated(unsafe) let sums = unsafe sumsBuffer
                    nonisolated(unsafe) let targetLogits = unsafe logitsBuffer
                    unsafe run(pass, input: hidden, pool: pool) { tile, prepared in
                        let width = tile.rows.count
                        let logits = unsafe ScratchSlot.logits.memory(byteCount: tile.tokens.count * width * 4)
                            .assumingMemoryBound(to: Float.self)
                        unsafe pass.kernel.compute(
                            tile, linear: self, prepared: prepared,
                            output: TileOutput(start: logits, stride: width, accumulates: false))
                        if let softCap { unsafe capLogits(softCap, tile.tokens.count * width, logits) }
                        for token in tile.tokens {
                            let row = unsafe logits + (token - tile.tokens.lowerBound) * width
                            let slot = tile.rows.lowerBound / rowTile * tokens + token
                            var largest: Float = 0
                            var sum: Double = 0
                            unsafe kernels.exponential_sum(row, Int64(width), &largest, &sum)
                            unsafe maxima[slot] = largest
                            unsafe sums[slot] = sum
                            let target = Int(targets[token])
                            if tile.rows.contains(target) {
                                unsafe targetLogits[token] = unsafe row[target - tile.rows.lowerBound]
                            }
                        }
                    }
                }
            }
        }
        var likelihoods = [TargetLikelihood](
            repeating: TargetLikelihood(negativeLogLikelihood: 0, isGreedy: false), count: tokens)
        unsafe likelihoods.withUnsafeMutableBufferPointer { [maxima, sums, targetLogits] buffer in
            nonisolated(unsafe) let likelihoods = unsafe buffer
            let step = 32
            pool.run(count: (tokens + step - 1) / step) { piece in
                for token in piece * step..<min((piece + 1) * step, tokens) {
                    var largest = -Float.infinity
                    var total = 0.0
                    for tile in 0..<tileCount { largest = max(largest, maxima[tile * tokens + token]) }
                    for tile in 0..<tileCount {
                        let slot = tile * tokens + token
                        total += sums[slot] * exponential(Double(maxima[slot]) - Double(largest))
                    }
                    unsafe likelihoods[token] = TargetLikelihood(
                        negativeLogLikelihood: logarithm(total) + Double(largest) - Double(targetLogits[token]),
                        isGreedy: targetLogits[token] >= largest)
                }
            }
        }
        return likelihoods
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

private func exponential(_ value: Double) -> Double { exp(value) }
private func logarithm(_ value: Double) -> Double { log(value) }

// What tuning and the benchmark of linears need of a device: kernels by name, the libraries' own searches, and the device's clock.

package import ESparseCore

extension CUDABackend: TunableBackend {
    /// What the choice of a weight's kernels depends on here.
    package func kind(of weight: LinearWeight) -> CUDALinearTraits {
        var pattern: SparsityPattern?
        if case .sparse(let matrix) = weight.matrix { pattern = matrix.pattern }
        return CUDALinearTraits(
            rows: weight.rows, columns: weight.columns, pattern: pattern,
            compresses: weightMemory == .fastest && (try? context.sparse.get()) != nil)
    }

    /// What the built-in rules choose.
    package func ruleKernel(for kind: CUDALinearTraits, tokens: Int) -> KernelName {
        kind.ruleKernel(tokens: tokens).name
    }

    /// The same linear with one kernel for any number of tokens, one of its traits' kernels.
    package func linear(_ linear: CUDALinear, using kernel: KernelName) -> CUDALinear {
        linear.using(linear.traits.kernel(named: kernel))
    }

    /// As many copies as no device's caches hold, but at most 64.
    package func copyCount(of weight: LinearWeight) -> Int {
        let coldBytes = 256 << 20
        return max(2, min(64, coldBytes / (2 * max(weight.rows * weight.columns, 1)) + 1))
    }

    /// The input in 16 bits, so that a measurement does not count the rounding.
    package func handedOn(_ input: CUDAActivation) throws -> CUDAActivation { try context.halves(of: input) }

    /// Lets the library that runs `linear` time its algorithms for the tokens of `input`, and use the fastest from then on in
    /// this process for products of that shape; then runs the product once.
    ///
    /// Models run what the libraries propose first, so that a run's bits do not depend on timing. Our own kernels have
    /// nothing to choose.
    /// - Returns: cuSPARSELt's algorithm where that runs the linear.
    /// - Throws: `CUDAError`.
    package func settle(_ linear: CUDALinear, for input: CUDAActivation) throws -> SparseAlgorithm? {
        guard input.tokens > 0 else { return nil }
        let halves = try context.halves(of: input)
        let output = try context.makeActivation(tokens: input.tokens, channels: linear.rows, .half)
        let algorithm = try linear.searchAlgorithm(halves.slice, tokens: input.tokens, output: output.slice)
        _ = try multiply(input, by: linear)
        return algorithm
    }

    /// The device's seconds, between marks on its stream.
    ///
    /// - Throws: `CUDAError`; what `work` throws.
    package func seconds(of work: () throws -> Void) throws -> Double {
        var failure: (any Error)?
        let seconds = try device.seconds {
            do { try work() } catch { failure = error }
        }
        if let failure { throw failure }
        return seconds
    }
}

extension CUDABackend: KernelReporting {
    /// Which kernels a weight's linear would use here, by number of tokens. Prepares nothing.
    package func kernelRanges(of weight: LinearWeight) -> [KernelRange] { ranges(of: weight) }
}

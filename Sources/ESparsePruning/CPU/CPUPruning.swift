// Pruning's arithmetic on the processor, whatever backend runs the model.

package import ESparseCPU
package import ESparseCore

/// The processor.
package struct CPUPruning<B: Backend>: PruningDevice {
    private let backend: B
    private let kernels: ChannelKernels

    /// Gathers statistics of `backend`'s activations on the threads of `pool`. Weights are scored and masked on the threads of the
    /// loops that calls are given.
    package init(backend: B, pool: ThreadPool, instructionSet: InstructionSet) {
        self.backend = backend
        kernels = ChannelKernels(pool: pool, instructionSet: instructionSet)
    }

    package func makeAccumulator(channels: Int, bins: LogarithmicBinning?, sumsProducts: Bool) -> CPUAccumulator<B> {
        CPUAccumulator(backend: backend, kernels: kernels, channels: channels, bins: bins, sumsProducts: sumsProducts)
    }

    package func saliency(of weight: Tensor, factors: [Float]) throws -> SaliencyMatrix {
        let values = weightedMagnitudes(
            try weight.floats(), rows: weight.rows, columns: weight.columns, factors: factors)
        return SaliencyMatrix(values, columns: weight.columns)
    }

    package func saliency(of weight: Tensor, values: [Float]) -> SaliencyMatrix {
        SaliencyMatrix(values, columns: weight.columns)
    }

    package func refiner(products: GramMatrix, order: Permutation?, pattern: SparsityPattern) -> CPURefiner? {
        guard let hessian = products.hessian(order: order, damping: RefinementLimits.damping) else { return nil }
        return CPURefiner(
            refinement: MaskRefinement(hessian: hessian, channels: products.channels, pattern: pattern), order: order)
    }
}

extension CPUBackend: PruningBackend {
    /// The processor itself.
    package var pruningDevice: any PruningDevice<CPUActivation> {
        CPUPruning(backend: self, pool: pool, instructionSet: instructionSet)
    }
}

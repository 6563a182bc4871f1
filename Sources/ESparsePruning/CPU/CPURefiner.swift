// Refinement of the masks of one input site on the processor.

package import ESparseCore

/// The damped Hessian of a site, channels in the site's order, and the descent on it.
package struct CPURefiner: MaskRefiner {
    let refinement: MaskRefinement
    let order: Permutation?

    package func refine(
        _ bits: inout [UInt8], of saliency: SaliencyMatrix, weight: Tensor, parallel: ParallelLoop
    ) throws -> (before: Double, after: Double) {
        refinement.run(bits: &bits, weight: try weight.floats(in: order), rows: weight.rows, parallel: parallel)
    }
}

// What a kernel of linears is: which linears it can run, when the rules prefer it, and its function for one tile.

package import ESparseCore

/// What sets the pace of a kernel.
package enum KernelCost: Sendable {
    /// One pass over the weights, whose memory costs more than the few tokens that share it.
    case weightPass
    /// The arithmetic of many tokens.
    case product
}

/// What is known of a kernel without a linear at hand.
package struct KernelProperties: Sendable {
    /// The name in profiles and reports.
    package let name: KernelName
    /// Whether there is one for each instruction set, which reports then name as well.
    package let hasInstructionSets: Bool
    /// What sets its pace.
    package let cost: KernelCost
    /// Whether a token gives the same bits whatever other tokens share its pass.
    package let sumsAreIndependentOfBatch: Bool

    /// The name that reports show: "few-tokens-avx2", "onednn-f32".
    package func shownName(_ instructionSet: InstructionSet) -> String {
        hasInstructionSets ? "\(name)-\(instructionSet.rawValue)" : name.rawValue
    }
}

/// A way to compute linears `y = x W^T + b`: one file in this folder, and one line in `LinearKernels.all`.
///
/// A call resolves its kernel once; then `plan` cuts the output, `prepare` converts the input, and threads call `compute`
/// for the tiles, in any order. No result may depend on the number of threads.
protocol LinearKernel: Sendable {
    /// Name, cost and how sums are ordered.
    var properties: KernelProperties { get }

    /// Whether it can run such a linear on this processor, whose instructions include `traits.instructionSet`, in whichever
    /// format the weights then lie.
    func supports(_ traits: LinearTraits) -> Bool

    /// Whether it can read these weights: by what C does with their format, or because the format is one that it knows.
    func reads(_ storage: WeightStorage) -> Bool

    /// The numbers of tokens that the rules give it, unless a kernel before it in `LinearKernels.all` takes them; nil where
    /// only a profile chooses it. `arithmetic` is the data type of dense products.
    func preferredTokens(_ traits: LinearTraits, arithmetic: DenseArithmetic) -> ClosedRange<Int>?

    /// How the output `[tokens, R]` is cut.
    func plan(_ linear: CPULinear, tokens: Int) -> LinearPlan

    /// Input `[tokens, C]` as `compute` wants it: itself, or in this thread's scratch.
    func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, linear: CPULinear, pool: ThreadPool
    ) -> UnsafeRawPointer

    /// Computes one tile of the output on the calling thread.
    func compute(_ tile: LinearTile, linear: CPULinear, prepared: UnsafeRawPointer, output: TileOutput)
}

/// A piece of the output.
struct LinearTile {
    var rows: Range<Int>
    var tokens: Range<Int>
    var plan: LinearPlan
}

/// Where a tile's results go: output `[t, r]` of the tile is at `start + t * stride + r`.
@unsafe struct TileOutput {
    var start: UnsafeMutablePointer<Float>
    /// Floats from one token to the next.
    var stride: Int
    /// Whether results are added to what is there.
    var accumulates: Bool

    /// `accumulates` as C takes it.
    var accumulateCode: Int32 { unsafe accumulates ? 1 : 0 }

    /// The same for the tokens of the tile from `count` on.
    func dropping(tokens count: Int) -> TileOutput {
        unsafe TileOutput(start: start + count * stride, stride: stride, accumulates: accumulates)
    }
}

// What `esparse tune` and `benchmark gemm` need of a backend beyond running its kernels: a profile, dense sides, a report's columns.

package import ESparseCore
package import ESparseRuntime

/// A backend that `esparse tune` and `esparse benchmark gemm` know.
package protocol MeasuredBackend: TunableBackend where Kind: ProfiledKind {
    /// Its machine's profile on disk.
    var profileFile: ProfileFile<Kind> { get }
    /// How a sentence about what was measured ends: "with 2 threads".
    var circumstance: String { get }

    /// Largest root mean square difference of two kernels' results, as a share of the results' own.
    static var tolerance: Double { get }
    /// The kernels of a sparse linear that the benchmark times; the one that a model runs is among them.
    func timedKernels(of kind: Kind, tokens: Int) -> [KernelName]
    /// Dense products to compare with, the first of which speed-ups are over; `input` is what `values` `[tokens, columns]` became.
    func denseSides(
        of weight: GemmWeight<Self>, shape: String, tokens: Int, values: [Float], input: Activation
    ) throws -> [DenseSide]
    /// Bytes of weights that a pass reads, and of another form that some kernels read.
    func weightBytes(of linear: PreparedLinear) -> (read: Int, secondForm: Int)
    /// The report's own columns and lines; measures the machine's limits where they are shown.
    func gemmLayout() -> GemmLayout
}

/// A dense product that sparse ones are compared with.
package struct DenseSide {
    /// Name of the kernel.
    let name: String
    /// Bytes of the weights as they are read.
    let weightBytes: Int
    /// One product, with the copy of the weights whose turn it is.
    let run: (_ turn: Int) throws -> Void
    /// The product, `[tokens, rows]`.
    let output: () throws -> [Float]

    /// Puts a side together.
    package init(
        name: String, weightBytes: Int, run: @escaping (_ turn: Int) throws -> Void,
        output: @escaping () throws -> [Float]
    ) {
        self.name = name
        self.weightBytes = weightBytes
        self.run = run
        self.output = output
    }
}

// The kernels of linears, in order of preference: to add one, write its file and a line here.

package import ESparseCore

/// All kernels of linears.
package enum LinearKernels {
    /// In order of preference: by the rules, the first that supports a linear and prefers a number of tokens runs.
    static let all: [any LinearKernel] = [
        FewTokens(),
        SparseBFloat16(),
        DenseBFloat16(),
        ExpandedBFloat16(),
        SparseManyTokens(),
        DenseFloat32(),
        WidenedFloat32(),
    ]

    /// What is known of each kernel, in order of preference.
    package static var properties: [KernelProperties] { all.map(\.properties) }

    /// What is known of the kernel of a name; nil where there is none.
    package static func properties(of name: KernelName) -> KernelProperties? { kernel(name)?.properties }

    /// The name of a kernel of this processor; nil where there is none of that name.
    package static func name(_ text: String) -> KernelName? { properties(of: KernelName(text))?.name }

    /// The kernel of a name; nil where there is none.
    static func kernel(_ name: KernelName) -> (any LinearKernel)? { all.first { $0.properties.name == name } }

    /// The kernels that the rules choose from, in order of preference, and the numbers of tokens that each is for; `arithmetic`
    /// is the data type of dense products under bf16.
    static func preferences(
        _ traits: LinearTraits, arithmetic: DenseArithmetic
    ) -> [(tokens: ClosedRange<Int>, kernel: any LinearKernel)] {
        all.filter { $0.supports(traits) }.compactMap { kernel in
            kernel.preferredTokens(traits, arithmetic: traits.denseArithmetic(arithmetic)).map { ($0, kernel) }
        }
    }
}

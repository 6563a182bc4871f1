// What a choice of kernel depends on, and what it says, whatever the backend.

/// A kind of linear: everything about one that decides which kernels can run it and which one is fast.
///
/// The number of threads is never part of it: kernels add in different orders, and bits must not depend on threads.
package protocol LinearKind: Hashable, Sendable {
    /// What a choice says beside the kernel's name, such as a library's algorithm; `Never` where there is nothing to say.
    associatedtype Parameter: Hashable, Sendable

    /// R: output channels.
    var rows: Int { get }
    /// C: input channels.
    var columns: Int { get }
    /// The pattern of the weights, nil when dense.
    var pattern: SparsityPattern? { get }
    /// The kernels that can run such a linear on this machine.
    var kernels: [KernelName] { get }

    /// The name of one of its kernels in tables, which may say more than the name in profiles.
    func shownName(of kernel: KernelName) -> String
    /// Whether a choice of `kernel`, one of `kernels`, may have this parameter.
    func allows(_ parameter: Parameter, for kernel: KernelName) -> Bool
}

extension LinearKind {
    /// The kernel's own name.
    package func shownName(of kernel: KernelName) -> String { kernel.rawValue }

    /// No parameter is allowed.
    package func allows(_ parameter: Parameter, for kernel: KernelName) -> Bool { false }
}

/// A measured choice: a kernel, and what was chosen beside it.
package struct KernelChoice<Parameter: Hashable & Sendable>: Hashable, Sendable {
    /// The kernel.
    package let kernel: KernelName
    /// What was chosen beside it; nil leaves that to the kernel.
    package let parameter: Parameter?

    /// Puts a choice together.
    package init(_ kernel: KernelName, parameter: Parameter? = nil) {
        self.kernel = kernel
        self.parameter = parameter
    }
}

/// A choice that cannot run the linear that it was made for.
package struct ImpossibleChoice: Error, Equatable, CustomStringConvertible {
    let kernel: KernelName
    let rows: Int
    let columns: Int

    /// Names the kernel and the linear's shape.
    package init(_ kernel: KernelName, for kind: some LinearKind) {
        self.kernel = kernel
        rows = kind.rows
        columns = kind.columns
    }

    /// One sentence for the user.
    package var description: String {
        "kernel \(kernel) cannot run such a linear of shape \(rows)x\(columns) on this machine"
    }
}

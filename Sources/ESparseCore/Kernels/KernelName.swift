// The name of a kernel of a linear, as profiles and reports write it.

/// Names one way of computing a linear, on whatever backend: "few-tokens", "cusparselt".
///
/// A backend's kernels have different names; a name says nothing about the weights that a kernel can run.
package struct KernelName: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The name.
    package let rawValue: String

    /// Takes any name, be there such a kernel or not.
    package init(rawValue: String) { self.rawValue = rawValue }

    /// Takes any name, be there such a kernel or not.
    package init(_ name: String) { rawValue = name }

    /// The name.
    package var description: String { rawValue }
}

// Classes of token counts, for choices of kernels that are measured once for each.

/// Numbers of tokens that share a measured choice.
package enum TokenClass {
    /// The most tokens of each class; what is beyond the last bound belongs to the last class.
    package static let bounds = [1, 2, 4, 8, 16, 24, 32, 48, 64, 128, 256, 512, 1024]

    /// The class of a number of tokens: the first whose bound is not below it.
    package static func index(of tokens: Int) -> Int {
        bounds.firstIndex { tokens <= $0 } ?? bounds.count - 1
    }
}

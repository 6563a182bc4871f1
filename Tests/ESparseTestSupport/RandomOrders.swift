// Orders of channels drawn at random.

package import ESparseCore

extension Permutation {
    /// A random order of `count` channels, which stay in their run of `runLength` where it is given.
    package static func random(_ count: Int, runLength: Int? = nil, using random: inout SeededRandom) -> Permutation {
        let run = runLength ?? count
        var order: [Int32] = []
        for start in stride(from: 0, to: count, by: run) {
            order += (Int32(start)..<Int32(start + run)).shuffled(using: &random)
        }
        guard let permutation = Permutation(order) else { preconditionFailure("runs do not fill \(count) channels") }
        return permutation
    }
}

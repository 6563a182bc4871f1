// Shell-style patterns that choose linears by name.

/// A pattern over a whole name: `*` is any run of characters, `?` any one character.
public struct Glob: Sendable, Hashable {
    private let pattern: [Character]

    /// Takes a pattern; any text is one.
    public init(_ pattern: String) { self.pattern = Array(pattern) }

    /// Whether the whole name fits. Linear in the product of the lengths at worst.
    public func matches(_ name: String) -> Bool {
        let name = Array(name)
        var position = 0
        var index = 0
        var resume: (pattern: Int, name: Int)?
        while index < name.count {
            if position < pattern.count, pattern[position] == "*" {
                resume = (position + 1, index)
                position += 1
            } else if position < pattern.count, pattern[position] == "?" || pattern[position] == name[index] {
                position += 1
                index += 1
            } else if let last = resume {
                resume = (last.pattern, last.name + 1)
                position = last.pattern
                index = last.name + 1
            } else {
                return false
            }
        }
        return pattern[position...].allSatisfy { $0 == "*" }
    }
}

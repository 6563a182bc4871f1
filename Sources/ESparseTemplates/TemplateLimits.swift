// How much time, memory and nesting a template may use, and the meter that counts it.

/// Bounds on what a template may use; templates come from strangers.
package struct TemplateLimits: Sendable {
    /// UTF-8 bytes of the template's text.
    package var sourceBytes = 1 << 20
    /// Steps: evaluated nodes, and what loops inside operations cost.
    package var steps = 20_000_000
    /// Bytes of all values and all output made while rendering, whether or not they are still alive.
    package var bytes = 1 << 29
    /// Statements, expressions and macro calls that are under way inside each other.
    package var depth = 300

    /// What a template may nest statements or expressions in its text.
    static let syntaxDepth = 100
    /// Letters of a name; every look-up hashes it whole.
    static let nameLetters = 1_000
    /// What lists, dictionaries and tuples may nest.
    static let valueDepth = 100

    package init() {}
}

/// Counts what a rendering uses.
final class Meter {
    private let limits: TemplateLimits
    private var stepsLeft: Int
    private var bytesLeft: Int
    private var depth = 0

    init(_ limits: TemplateLimits) {
        self.limits = limits
        stepsLeft = limits.steps
        bytesLeft = limits.bytes
    }

    /// Counts work.
    func step(_ count: Int = 1) throws(Problem) {
        stepsLeft -= count
        if stepsLeft < 0 { throw .limit("it takes more than \(limits.steps) steps") }
    }

    /// Counts memory before it is taken.
    func allocate(bytes: Int) throws(Problem) {
        guard bytes <= bytesLeft else { throw .limit("it makes more than \(limits.bytes) bytes of text and values") }
        bytesLeft -= bytes
        try step(bytes >> 6)
    }

    /// Counts the letters of a text before it is made.
    func allocate(letters: Int) throws(Problem) {
        try allocate(bytes: Self.product(letters, MemoryLayout<Letter>.stride))
    }

    /// Counts the elements of a list before it is made.
    func allocate(values: Int) throws(Problem) {
        try allocate(bytes: Self.product(values, MemoryLayout<Value>.stride) &+ 64)
    }

    /// Goes one level deeper; `leave` comes back.
    func enter() throws(Problem) {
        depth += 1
        if depth > limits.depth {
            throw .limit("statements, expressions and calls nest more than \(limits.depth) deep")
        }
        try step()
    }

    func leave() { depth -= 1 }

    /// A product of counts, or something larger than any limit.
    static func product(_ left: Int, _ right: Int) -> Int {
        let (value, overflow) = left.multipliedReportingOverflow(by: right)
        return overflow ? Int.max - 64 : min(value, Int.max - 64)
    }
}

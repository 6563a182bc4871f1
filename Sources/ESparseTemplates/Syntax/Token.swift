// The tokens that a template's text is cut into.

/// A token and the line that it starts on.
struct Token {
    enum Kind: Equatable {
        case data(Text)
        case blockBegin, blockEnd, variableBegin, variableEnd
        case name(String)
        case string(Text)
        case integer(Int)
        case float(Double)
        /// An operator or bracket, as it is written.
        case mark(String)
        case end
    }

    let kind: Kind
    let line: Int

    /// How messages call it.
    var description: String {
        switch kind {
        case .data: "text"
        case .blockBegin: "'{%'"
        case .blockEnd: "'%}'"
        case .variableBegin: "'{{'"
        case .variableEnd: "'}}'"
        case .name(let name): "'\(Text(name).excerpt(40))'"
        case .string: "a string"
        case .integer, .float: "a number"
        case .mark(let mark): "'\(mark)'"
        case .end: "the end of the template"
        }
    }
}

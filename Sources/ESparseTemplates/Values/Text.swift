// A string of a template: letters, with Python's indices.

/// A string. Two are equal where their code points are.
struct Text: Hashable, Sendable, ExpressibleByStringLiteral {
    var letters: [Letter]
    /// Whether it is markupsafe's `Markup`: strings joined to it by `+` are escaped.
    var isMarkup = false

    init(_ letters: [Letter], isMarkup: Bool = false) {
        self.letters = letters
        self.isMarkup = isMarkup
    }

    init(_ letters: ArraySlice<Letter>) { self.init(Array(letters)) }

    /// - Parameters:
    ///   - text: what it says.
    ///   - isLiteral: whether it comes from the conversation.
    init(_ text: String, isLiteral: Bool = false) {
        letters = text.unicodeScalars.map { Letter($0.value, isLiteral: isLiteral) }
    }

    init(stringLiteral text: String) { self.init(text) }

    var count: Int { letters.count }
    var isEmpty: Bool { letters.isEmpty }

    /// The text; half surrogates become U+FFFD.
    var string: String {
        var view = String.UnicodeScalarView()
        for letter in letters { view.append(letter.scalar) }
        return String(view)
    }

    static func == (left: Text, right: Text) -> Bool { left.letters == right.letters }

    /// Whether the text has the code points of `text`.
    func says(_ text: String) -> Bool { letters.elementsEqual(text.unicodeScalars) { $0.code == $1.value } }

    func hash(into hasher: inout Hasher) { hasher.combine(letters) }

    /// Code points in ascending order, as Python compares strings.
    static func precedes(_ left: Text, _ right: Text) -> Bool {
        left.letters.lexicographicallyPrecedes(right.letters) { $0.code < $1.code }
    }

    /// The start of the text on one line, for messages.
    func excerpt(_ limit: Int) -> String {
        var view = String.UnicodeScalarView()
        for letter in letters.prefix(limit) {
            view.append(letter.code < 0x20 || letter.code == 0x7F ? " " : letter.scalar)
        }
        return String(view) + (count > limit ? "..." : "")
    }

    /// A text of the same kind with other letters: Python's methods of `Markup` give `Markup`.
    func with(_ letters: some Sequence<Letter>) -> Text { Text(Array(letters), isMarkup: isMarkup) }

    /// The text with HTML's special characters escaped, as `Markup`.
    func escaped(_ meter: Meter) throws(Problem) -> Text {
        if isMarkup { return self }
        var result: [Letter] = []
        for letter in letters {
            switch letter.code {
            case 0x26: result += letter.mapped("&amp;")
            case 0x3C: result += letter.mapped("&lt;")
            case 0x3E: result += letter.mapped("&gt;")
            case 0x27: result += letter.mapped("&#39;")
            case 0x22: result += letter.mapped("&#34;")
            default: result.append(letter)
            }
        }
        try meter.allocate(letters: result.count)
        return Text(result, isMarkup: true)
    }

    /// `+`: where one side is `Markup`, the other is escaped.
    static func joined(_ left: Text, _ right: Text, _ meter: Meter) throws(Problem) -> Text {
        guard left.isMarkup || right.isMarkup else {
            try meter.allocate(letters: left.count + right.count)
            return Text(left.letters + right.letters)
        }
        let (left, right) = (try left.escaped(meter), try right.escaped(meter))
        try meter.allocate(letters: left.count + right.count)
        return Text(left.letters + right.letters, isMarkup: true)
    }

    /// The text `count` times over.
    func repeated(_ count: Int, _ meter: Meter) throws(Problem) -> Text {
        let count = isEmpty ? 0 : max(0, count)
        try meter.allocate(letters: Meter.product(letters.count, count))
        var result: [Letter] = []
        result.reserveCapacity(letters.count * count)
        for _ in 0..<count { result += letters }
        return with(result)
    }
}

// White space and letter case as in Python's str, which lm-eval makes its prompts with.

extension Unicode.Scalar {
    /// What `str.isspace` and `\s` accept: Unicode white space and the four information separators.
    var isPythonSpace: Bool { properties.isWhitespace || (0x1C...0x1F).contains(value) }
}

extension String {
    /// Where the white space at the end starts.
    var endWithoutSpace: String.Index {
        var end = unicodeScalars.endIndex
        while end > unicodeScalars.startIndex {
            let before = unicodeScalars.index(before: end)
            guard unicodeScalars[before].isPythonSpace else { break }
            end = before
        }
        return end
    }

    /// `str.strip()`.
    var strippedAsPython: String {
        let end = endWithoutSpace
        let start = unicodeScalars[..<end].firstIndex { !$0.isPythonSpace } ?? end
        return String(unicodeScalars[start..<end])
    }

    /// `str.capitalize()`: the first letter large, all others small.
    var capitalizedAsPython: String {
        guard let first = unicodeScalars.first else { return "" }
        return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowercased()
    }

    /// `len(re.split(r"\s+", text))`: one more than there are runs of white space, which is how lm-eval counts words.
    var wordCountAsPython: Int {
        var count = 1
        var isInSpace = false
        for scalar in unicodeScalars {
            let isSpace = scalar.isPythonSpace
            if isSpace && !isInSpace { count += 1 }
            isInSpace = isSpace
        }
        return count
    }
}

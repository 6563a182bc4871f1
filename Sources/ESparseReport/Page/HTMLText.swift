// Escapes text so that it cannot act as markup in a page.

/// Makes text from outside harmless.
package enum HTMLText {
    /// The text for element content and quoted attributes alike.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in readable(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The text without invisible characters that have an effect: control characters, and those that change the direction of
    /// the text around them. Each becomes U+FFFD.
    package static func readable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x09, 0x0A: result.append(scalar)
            case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFFFE...0xFFFF:
                result.append("\u{FFFD}")
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// A share in `[0, 1]` as a CSS percentage, "43.21%"; anything else is moved into the interval.
    package static func percentage(_ share: Double) -> String {
        Quantity.fixed(100 * (share.isFinite ? min(max(share, 0), 1) : 0), decimals: 2) + "%"
    }
}

extension TextTable {
    /// A table that scrolls inside its own box where it is wider than the page.
    package var html: String {
        func row(_ cells: [String], _ tag: String) -> String {
            let cells = cells.enumerated().map { column, text in
                column == 0
                    ? "<th scope=\"\(tag == "th" ? "col" : "row")\">\(HTMLText.escaped(text))</th>"
                    : "<\(tag)\(tag == "th" ? " scope=\"col\"" : "")>\(HTMLText.escaped(text))</\(tag)>"
            }
            return "<tr>" + cells.joined() + "</tr>\n"
        }
        return "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table\"><table>\n<thead>"
            + row(header, "th") + "</thead>\n<tbody>\n" + rows.map { row($0, "td") }.joined()
            + "</tbody></table></div>\n"
    }
}

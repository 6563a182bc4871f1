// Unicode normalisation forms NFD and NFC (UAX 15).

/// Canonical decomposition and composition of scalars.
///
/// The reference has the tables of Unicode 9. Later characters neither decompose nor move here, so that ids are equal.
enum CanonicalComposition {
    private struct Pair: Hashable {
        let first: UInt32
        let second: UInt32
    }

    private struct Tables {
        /// One decomposition step: one or two scalars.
        var decompositions: [UInt32: [UInt32]] = [:]
        /// Primary composites of pairs.
        var composites: [Pair: UInt32] = [:]

        init() {
            for entry in CanonicalDecompositionTable.entries.description.split(separator: ";") {
                let codes = entry.split(whereSeparator: \.isWhitespace).compactMap { UInt32($0, radix: 16) }
                guard let composite = codes.first, codes.count > 1, isKnown(composite) else { continue }
                decompositions[composite] = Array(codes.dropFirst())
                let isExcluded = Unicode.Scalar(composite)?.properties.isFullCompositionExclusion ?? true
                if codes.count == 3, !isExcluded {
                    composites[Pair(first: codes[1], second: codes[2])] = composite
                }
            }
        }
    }

    private static let tables = Tables()

    private static func isKnown(_ scalar: UInt32) -> Bool {
        Unicode.Scalar(scalar)?.properties.age.map { $0.major <= 9 } ?? false
    }

    // Hangul syllables are composed by arithmetic: 19 leading, 21 vowel and 28 trailing (the first is none) parts.
    private static let syllableBase: UInt32 = 0xAC00
    private static let leadingBase: UInt32 = 0x1100
    private static let vowelBase: UInt32 = 0x1161
    private static let trailingBase: UInt32 = 0x11A7

    /// The text in form NFD, or NFC where `composing`.
    static func normalized(_ text: [UInt8], composing: Bool) -> [UInt8] {
        // Below U+0300 everything is in NFC; below U+00C0 in NFD.
        let firstAffected: UInt8 = composing ? 0xCC : 0xC3
        if text.allSatisfy({ $0 < firstAffected }) { return text }
        var scalars: [UInt32] = []
        scalars.reserveCapacity(text.count)
        for scalar in UTF8Text.scalars(of: text) { decompose(scalar, into: &scalars) }
        sortMarks(&scalars)
        if composing { compose(&scalars) }
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        for scalar in scalars { result.append(contentsOf: UTF8Text.encoded(scalar)) }
        return result
    }

    private static func decompose(_ scalar: UInt32, into result: inout [UInt32]) {
        if scalar < 0xC0 {
            result.append(scalar)
        } else if (syllableBase..<(syllableBase + 11172)).contains(scalar) {
            let index = scalar - syllableBase
            result.append(leadingBase + index / 588)
            result.append(vowelBase + index % 588 / 28)
            if index % 28 > 0 { result.append(trailingBase + index % 28) }
        } else if let parts = tables.decompositions[scalar] {
            for part in parts { decompose(part, into: &result) }
        } else {
            result.append(scalar)
        }
    }

    private static func combiningClass(_ scalar: UInt32) -> UInt8 {
        if scalar < 0x300 { return 0 }
        let combiningClass = Unicode.Scalar(scalar)?.properties.canonicalCombiningClass.rawValue ?? 0
        return combiningClass > 0 && isKnown(scalar) ? combiningClass : 0
    }

    /// Canonical ordering: stable sort of each run of marks by combining class.
    private static func sortMarks(_ scalars: inout [UInt32]) {
        var start = 0
        while start < scalars.count {
            guard combiningClass(scalars[start]) != 0 else {
                start += 1
                continue
            }
            var marks: [(combiningClass: UInt8, offset: Int, scalar: UInt32)] = []
            while start + marks.count < scalars.count {
                let scalar = scalars[start + marks.count]
                let combiningClass = combiningClass(scalar)
                if combiningClass == 0 { break }
                marks.append((combiningClass, marks.count, scalar))
            }
            marks.sort { ($0.combiningClass, $0.offset) < ($1.combiningClass, $1.offset) }
            for (offset, mark) in marks.enumerated() { scalars[start + offset] = mark.scalar }
            start += marks.count
        }
    }

    /// Canonical composition: each scalar joins the last starter unless something in between blocks it.
    private static func compose(_ scalars: inout [UInt32]) {
        var result: [UInt32] = []
        result.reserveCapacity(scalars.count)
        var starter: Int?
        var lastClass: UInt8 = 0
        for scalar in scalars {
            let combiningClass = combiningClass(scalar)
            let isAdjacent = starter.map { $0 == result.count - 1 } ?? false
            if let starter, isAdjacent || (lastClass < combiningClass && lastClass != 0),
                let composite = composite(result[starter], scalar)
            {
                result[starter] = composite
                continue
            }
            if combiningClass == 0 { starter = result.count }
            lastClass = combiningClass
            result.append(scalar)
        }
        scalars = result
    }

    private static func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if (leadingBase..<(leadingBase + 19)).contains(first), (vowelBase..<(vowelBase + 21)).contains(second) {
            return syllableBase + (first - leadingBase) * 588 + (second - vowelBase) * 28
        }
        if (syllableBase..<(syllableBase + 11172)).contains(first), (first - syllableBase) % 28 == 0,
            ((trailingBase + 1)..<(trailingBase + 28)).contains(second)
        {
            return first + (second - trailingBase)
        }
        return tables.composites[Pair(first: first, second: second)]
    }
}

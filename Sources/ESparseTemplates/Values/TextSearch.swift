// Finding, splitting, stripping and replacing in texts, as Python's string methods do.

extension Text {
    /// Where `needle` first is at or after `start` and before `end`, or nil. Compared letters count as work.
    func find(_ needle: Text, from start: Int = 0, to end: Int? = nil, _ meter: Meter) throws(Problem) -> Int? {
        let end = end ?? count
        guard let first = needle.letters.first else { return start <= end ? start : nil }
        let length = needle.count
        var position = start
        var work = 0
        while position + length <= end {
            work += 1
            if letters[position] == first {
                var matched = 1
                while matched < length, letters[position + matched] == needle.letters[matched] { matched += 1 }
                work += matched
                if matched == length {
                    try meter.step(work >> 4)
                    return position
                }
                if work > 1 << 16 {
                    try meter.step(work >> 4)
                    work = 0
                }
            }
            position += 1
        }
        try meter.step(work >> 4)
        return nil
    }

    /// Where `needle` last is inside `start..<end`, or nil.
    func findLast(_ needle: Text, from start: Int = 0, to end: Int? = nil, _ meter: Meter) throws(Problem) -> Int? {
        var position = (end ?? count) - needle.count
        while position >= start {
            let mayMatch = needle.letters.first.map { letters[position] == $0 } ?? false
            try meter.step(mayMatch ? 1 + needle.count >> 4 : 1)
            if holds(needle, at: position) { return position }
            position -= 1
        }
        return nil
    }

    /// Whether `needle` stands at `position`, which may be outside.
    func holds(_ needle: Text, at position: Int) -> Bool {
        guard position >= 0, position + needle.count <= count else { return false }
        return letters[position..<position + needle.count].elementsEqual(needle.letters)
    }

    /// How often `needle` is there without overlaps.
    func occurrences(of needle: Text, from start: Int, to end: Int, _ meter: Meter) throws(Problem) -> Int {
        if needle.isEmpty { return max(0, end - start + 1) }
        var found = 0
        var position = start
        while let place = try find(needle, from: position, to: end, meter) {
            found += 1
            position = place + needle.count
        }
        return found
    }

    /// Every occurrence of `old`, or the first `limit` where that is not negative, becomes `new`.
    func replacing(_ old: Text, with new: Text, limit: Int = -1, _ meter: Meter) throws(Problem) -> Text {
        var found = try occurrences(of: old, from: 0, to: count, meter)
        if limit >= 0 { found = min(found, limit) }
        if found == 0 { return self }
        try meter.allocate(letters: count + Meter.product(found, new.count))
        var result: [Letter] = []
        var position = 0
        if old.isEmpty {
            for place in 0..<found {
                result += new.letters
                if place < count { result.append(letters[place]) }
            }
            return with(result + letters[min(found, count)...])
        }
        while found > 0, let place = try find(old, from: position, meter) {
            result += letters[position..<place]
            result += new.letters
            position = place + old.count
            found -= 1
        }
        return with(result + letters[position...])
    }

    /// The text without the letters at its ends that `characters` has; white space where that is nil.
    func stripped(_ characters: Text?, left: Bool = true, right: Bool = true, _ meter: Meter) throws(Problem) -> Text {
        try meter.step(count >> 4 + (characters?.count ?? 0) >> 2)
        let unwanted = characters.map { Set($0.letters) }
        func goes(_ letter: Letter) -> Bool { unwanted?.contains(letter) ?? letter.isSpace }
        var start = 0
        var end = count
        if left { while start < end, goes(letters[start]) { start += 1 } }
        if right { while end > start, goes(letters[end - 1]) { end -= 1 } }
        if start == 0, end == count { return self }
        try meter.allocate(letters: end - start)
        return with(letters[start..<end])
    }

    /// Pieces between occurrences of `separator`, at most `limit` cuts where that is not negative; between white space,
    /// without empty pieces, where `separator` is nil.
    func split(_ separator: Text?, limit: Int, _ meter: Meter) throws(Problem) -> [Text] {
        var pieces: [Text] = []
        var position = 0
        var left = limit < 0 ? Int.max : limit
        try meter.allocate(letters: count)
        guard let separator else {
            while true {
                while position < count, letters[position].isSpace { position += 1 }
                if position == count { return pieces }
                try meter.allocate(values: 1)
                if left == 0 {
                    pieces.append(try with(letters[position...]).stripped(nil, left: false, meter))
                    return pieces
                }
                let start = position
                while position < count, !letters[position].isSpace { position += 1 }
                pieces.append(with(letters[start..<position]))
                left -= 1
            }
        }
        guard !separator.isEmpty else { throw .failure("split needs a separator that is not empty") }
        while left > 0, let place = try find(separator, from: position, meter) {
            try meter.allocate(values: 1)
            pieces.append(with(letters[position..<place]))
            position = place + separator.count
            left -= 1
        }
        return pieces + [with(letters[position...])]
    }

    /// As `split`, but the cuts are made from the end.
    func splitFromEnd(_ separator: Text?, limit: Int, _ meter: Meter) throws(Problem) -> [Text] {
        let reversed = try with(letters.reversed()).split(
            separator.map { $0.with($0.letters.reversed()) }, limit: limit, meter)
        return reversed.reversed().map { $0.with($0.letters.reversed()) }
    }

    /// The lines of the text, with their ends where `keepsEnds`.
    func lines(keepsEnds: Bool = false, _ meter: Meter) throws(Problem) -> [Text] {
        var lines: [Text] = []
        var start = 0
        var position = 0
        try meter.allocate(letters: count)
        while position < count {
            guard letters[position].isLineEnd else {
                position += 1
                continue
            }
            let end = position
            position +=
                letters[position].code == 0x0D && position + 1 < count && letters[position + 1].code == 0x0A ? 2 : 1
            try meter.allocate(values: 1)
            lines.append(with(letters[start..<(keepsEnds ? position : end)]))
            start = position
        }
        if start < count { lines.append(with(letters[start...])) }
        return lines
    }
}

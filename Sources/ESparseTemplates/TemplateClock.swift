// What `strftime_now` tells: a moment of local time, written by C's directives.

import FoundationEssentials

/// A moment of local time.
package struct TemplateClock: Sendable {
    /// The year, month (from 1) and day (from 1).
    package let year, month, day: Int
    /// The time of day.
    package let hour, minute, second: Int
    /// The day of the week, from 0 for Sunday.
    package let weekday: Int
    /// The day of the year, from 1.
    package let dayOfYear: Int

    /// A moment of the Gregorian calendar.
    package init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        func isLeap(_ year: Int) -> Bool { year % 4 == 0 && year % 100 != 0 || year % 400 == 0 }
        let lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        dayOfYear = lengths[..<max(0, min(12, month - 1))].reduce(day, +)
        let before = year - 1
        weekday = (before * 365 + before / 4 - before / 100 + before / 400 + dayOfYear) % 7
    }

    /// The present moment in the machine's time zone.
    package static func now() -> TemplateClock {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .current
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: Date())
        return TemplateClock(
            year: parts.year ?? 1970, month: parts.month ?? 1, day: parts.day ?? 1, hour: parts.hour ?? 0,
            minute: parts.minute ?? 0, second: parts.second ?? 0)
    }

    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    /// The moment by a format of `strftime`, in the C locale.
    ///
    /// - Throws: for a directive that is not known here.
    func text(format: Text, _ meter: Meter) throws(Problem) -> Text {
        var writer = LetterWriter(meter)
        var rest = format.letters[...]
        while let letter = rest.popFirst() {
            guard letter.code == 0x25, var directive = rest.popFirst() else {
                try writer.append(letter)
                continue
            }
            var padding: Character?
            if directive.code == 0x2D || directive.code == 0x5F || directive.code == 0x30, let next = rest.popFirst() {
                padding = Character(directive.scalar)
                directive = next
            }
            try writer.append(try text(directive, padding: padding))
        }
        return writer.text
    }

    private func text(_ directive: Letter, padding: Character?) throws(Problem) -> String {
        func number(_ value: Int, _ width: Int, _ standard: Character = "0") -> String {
            let digits = String(value)
            if padding == "-" { return digits }
            let fill = padding == "_" ? " " : padding ?? standard
            return String(repeating: fill, count: max(0, width - digits.count)) + digits
        }
        let hour12 = hour % 12 == 0 ? 12 : hour % 12
        let weekdayName = Self.weekdays[weekday]
        let monthName = Self.months[max(0, min(11, month - 1))]
        switch directive.scalar {
        case "Y": return String(year)
        case "C": return number(year / 100, 2)
        case "y": return number(year % 100, 2)
        case "m": return number(month, 2)
        case "d": return number(day, 2)
        case "e": return number(day, 2, " ")
        case "H": return number(hour, 2)
        case "k": return number(hour, 2, " ")
        case "I": return number(hour12, 2)
        case "l": return number(hour12, 2, " ")
        case "M": return number(minute, 2)
        case "S": return number(second, 2)
        case "f": return "000000"
        case "j": return number(dayOfYear, 3)
        case "p": return hour < 12 ? "AM" : "PM"
        case "A": return weekdayName
        case "a": return String(weekdayName.prefix(3))
        case "B": return monthName
        case "b", "h": return String(monthName.prefix(3))
        case "u": return String(weekday == 0 ? 7 : weekday)
        case "w": return String(weekday)
        case "U": return number((dayOfYear + 6 - weekday) / 7, 2)
        case "W": return number((dayOfYear + 6 - (weekday + 6) % 7) / 7, 2)
        case "D", "x": return "\(twoDigits(month))/\(twoDigits(day))/\(twoDigits(year % 100))"
        case "F": return "\(year)-\(twoDigits(month))-\(twoDigits(day))"
        case "R": return "\(twoDigits(hour)):\(twoDigits(minute))"
        case "T", "X": return "\(twoDigits(hour)):\(twoDigits(minute)):\(twoDigits(second))"
        case "c":
            let date = "\(weekdayName.prefix(3)) \(monthName.prefix(3)) \(day < 10 ? " " : "")\(day)"
            return "\(date) \(twoDigits(hour)):\(twoDigits(minute)):\(twoDigits(second)) \(year)"
        // The moment has no time zone, as Python's `datetime.now()` has none.
        case "Z", "z": return ""
        case "n": return "\n"
        case "t": return "\t"
        case "%": return "%"
        default: throw .failure("strftime_now does not know '%\(Text([directive]).excerpt(1))'")
        }
    }

    private func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : String(value) }
}

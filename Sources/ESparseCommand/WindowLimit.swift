// The value of `--windows`: how much of a text is measured.

import ArgumentParser

/// How many windows of a text to run.
struct WindowLimit: ExpressibleByArgument {
    /// nil: all.
    let count: Int?

    init(count: Int?) { self.count = count }

    init?(argument: String) {
        if argument == "all" {
            count = nil
        } else {
            guard let number = Int(argument), number > 0 else { return nil }
            count = number
        }
    }

    var defaultValueDescription: String { count.map(String.init) ?? "all" }
}

// The value of `prune --budget`.

import ArgumentParser

/// A percentage above 0, written with or without the sign.
struct Percentage: ExpressibleByArgument {
    let value: Double

    init?(argument: String) {
        guard let value = Double(argument.hasSuffix("%") ? String(argument.dropLast()) : argument), value > 0,
            value.isFinite
        else { return nil }
        self.value = value
    }
}

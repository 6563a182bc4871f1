// One rule for options that would change nothing: they are refused, not ignored.

import ArgumentParser

/// Refuses the first of `options` that was given although what it goes with is not there.
///
/// - Parameters:
///   - options: names on the command line, and whether each was given.
///   - needed: what they go with, such as "--tasks".
///   - isThere: whether that is there.
/// - Throws: `ValidationError`.
func requireEffect(of options: KeyValuePairs<String, Bool>, with needed: String, _ isThere: Bool) throws {
    guard !isThere, let option = options.first(where: \.value)?.key else { return }
    throw ValidationError("\(option) goes with \(needed)")
}

// An option that would change nothing is refused, not ignored.

import ArgumentParser

/// Refuses the first of `options` that was given without what it needs.
///
/// - Parameters:
///   - options: names on the command line, and whether each was given.
///   - needed: what they need, such as "--tasks".
///   - isThere: whether that was given.
/// - Throws: `ValidationError`.
func requireEffect(of options: KeyValuePairs<String, Bool>, with needed: String, _ isThere: Bool) throws {
    guard !isThere, let option = options.first(where: \.value)?.key else { return }
    throw ValidationError("\(option) goes with \(needed)")
}

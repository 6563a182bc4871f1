import Testing

@Suite struct PlaceholderPruningTests {
    @Test func builds() { #expect(Bool(true)) }
}

import Testing

@Suite struct PlaceholderCoreTests {
    @Test func builds() { #expect(Bool(true)) }
}

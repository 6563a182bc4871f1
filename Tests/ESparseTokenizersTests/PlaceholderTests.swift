import Testing

@Suite struct PlaceholderTokenizersTests {
    @Test func builds() { #expect(Bool(true)) }
}

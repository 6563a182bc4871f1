import Testing

@Suite struct PlaceholderModelsTests {
    @Test func builds() { #expect(Bool(true)) }
}

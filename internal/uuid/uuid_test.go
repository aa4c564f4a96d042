package uuid_test

import (
	"testing"

	"github.com/hallmark-dev/hallmark/internal/uuid"
)

// The value is from the uuid module of Python, another implementation.
func TestOfContent(t *testing.T) {
	const want = "1370b64e-4cb9-5dc5-a9d7-40f6ca49fdf7"
	if got := uuid.OfContent("https://example.com/", []byte("data")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

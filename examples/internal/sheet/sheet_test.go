package sheet

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Text has a contrast to what is behind it of 4.5 at least, and what is drawn of 3: level
// AA of WCAG 2.2.
func TestContrast(t *testing.T) {
	blocks := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(baseCSS, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d sets of colours, want those of light, dark and print", len(blocks))
	}
	luminance := func(hex string) float64 {
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		l := 0.0
		for i, weight := range []float64{0.0722, 0.7152, 0.2126} {
			c := float64(n>>(8*i)&0xff) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			l += weight * c
		}
		return l
	}
	for i, block := range blocks {
		colours := make(map[string]float64)
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(block[1], -1) {
			colours[m[1]] = luminance(m[2])
		}
		for _, pair := range []string{
			"text page", "text sheet", "text code", "text good-sheet", "text bad-sheet", "text open-sheet", "text none-sheet", "quiet page", "quiet sheet", "quiet code", "link sheet", "link page", "link code",
			"good sheet", "good good-sheet", "bad sheet", "bad bad-sheet", "open sheet", "open open-sheet", "none sheet", "none none-sheet",
		} {
			front, back, _ := strings.Cut(pair, " ")
			a, aok := colours[front]
			b, bok := colours[back]
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 || !aok || !bok {
				t.Errorf("set %d: %s on %s has a contrast of %.2f", i, front, back, ratio)
			}
		}
	}
}

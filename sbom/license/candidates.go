package license

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/licensecheck"
)

// engines are the licences that licensecheck knows, and engines of it for some of
// them. One for all takes more than a second to make, and a text has the words of a
// few licences. An engine for these finds what one for all would: only a licence
// that a text has nearly all words of can be in it.
type engines struct {
	once     sync.Once
	licenses []licensecheck.License
	words    map[string]int32 // of all licences
	required [][]int32        // the words that each licence has wherever it matches

	mu   sync.Mutex
	made map[string]*madeEngine // by the numbers of licences
}

type madeEngine struct {
	once   sync.Once
	engine *licensecheck.Scanner // nil for no licence
	err    error
}

// prepare reads the licences, but for those that are no more than a link to one.
func (e *engines) prepare() {
	e.licenses = slices.DeleteFunc(licensecheck.BuiltinLicenses(), func(l licensecheck.License) bool { return l.LRE == "" })
	e.words = make(map[string]int32)
	e.required = make([][]int32, len(e.licenses))
	e.made = make(map[string]*madeEngine)
	seen := make(map[int32]int) // the last licence that has the word, counted from 1
	for i, l := range e.licenses {
		requiredWords(l.LRE, func(word string) {
			id, ok := e.words[word]
			if !ok {
				id = int32(len(e.words))
				e.words[word] = id
			}
			if seen[id] != i+1 {
				seen[id] = i + 1
				e.required[i] = append(e.required[i], id)
			}
		})
	}
}

// scan looks for licences in a text.
func (e *engines) scan(text []byte) (licensecheck.Coverage, error) {
	e.once.Do(e.prepare)
	has := make([]bool, len(e.words))
	eachWord(strings.ToLower(string(text)), func(word string) {
		if id, ok := e.words[word]; ok {
			has[id] = true
		}
	})
	var some []licensecheck.License
	var key []byte
	for i, words := range e.required {
		// licensecheck accepts words with a letter changed, and two that are
		// joined; a licence has hundreds.
		missing, most := 0, max(2, len(words)/12)
		for _, id := range words {
			if !has[id] {
				if missing++; missing > most {
					break
				}
			}
		}
		if missing <= most {
			some = append(some, e.licenses[i])
			key = fmt.Append(key, i, " ")
		}
	}
	e.mu.Lock()
	m := e.made[string(key)]
	if m == nil && len(e.made) >= maxEngines {
		some, key = e.licenses, []byte("all")
		m = e.made[string(key)]
	}
	if m == nil {
		m = new(madeEngine)
		e.made[string(key)] = m
	}
	e.mu.Unlock()
	m.once.Do(func() {
		if len(some) > 0 {
			// Not the package's own scanner: it is never freed.
			m.engine, m.err = licensecheck.NewScanner(some)
		}
	})
	if m.err != nil || m.engine == nil {
		return licensecheck.Coverage{}, m.err
	}
	return m.engine.Scan(text), nil
}

// requiredWords calls f for each word of a licence expression that is in all its
// matches: not in (( )), where there is a choice or something may be left out,
// and not in a comment.
func requiredWords(lre string, f func(word string)) {
	depth := 0
	for lre != "" {
		next := strings.IndexAny(lre, "(/)")
		if next < 0 {
			next = len(lre)
		}
		if depth == 0 {
			eachWord(strings.ToLower(lre[:next]), f)
		}
		switch lre = lre[next:]; {
		case strings.HasPrefix(lre, "(("):
			depth, lre = depth+1, lre[2:]
		case strings.HasPrefix(lre, "))"):
			depth, lre = depth-1, lre[2:]
		case strings.HasPrefix(lre, "//**"):
			_, lre, _ = strings.Cut(lre, "**//")
		case lre != "":
			lre = lre[1:]
		}
	}
}

// eachWord calls f for each word of five letters and more, all of them from a to
// z. Shorter ones and others tell little, and licensecheck has its own ways with some.
func eachWord(text string, f func(word string)) {
	for i := 0; i < len(text); {
		start, plain := i, true
		for i < len(text) && ('a' <= text[i] && text[i] <= 'z' || text[i] >= 0x80) {
			plain = plain && text[i] < 0x80
			i++
		}
		if i-start >= 5 && plain {
			f(text[start:i])
		}
		if i == start {
			i++
		}
	}
}

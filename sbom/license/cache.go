package license

import (
	"bytes"
	"encoding/json"

	"github.com/hallmark-dev/hallmark"
)

// format is what every value in a Cache begins with. It changes with all that
// makes the same text another result: the rules here, and licensecheck.
const format = "hallmark license 1, licensecheck v0.3.1\n"

// getModule returns the licence files that the Cache has of a module, by
// directory. A directory without any has an empty list.
func (s *Scanner) getModule(key string) map[string][]found {
	dirs := make(map[string][]found)
	if s.Cache == nil || key == "" || !s.get(key, &dirs) || dirs == nil {
		return make(map[string][]found) // also after half a value
	}
	return dirs
}

func (s *Scanner) putModule(key string, dirs map[string][]found) {
	if s.Cache != nil && key != "" {
		s.put(key, dirs)
	}
}

func (s *Scanner) getText(d hallmark.Digest) (matched, bool) {
	var m matched
	ok := s.Cache != nil && s.get(d.String(), &m)
	return m, ok
}

func (s *Scanner) putText(d hallmark.Digest, m matched) {
	if s.Cache != nil {
		s.put(d.String(), m)
	}
}

// get reports whether key has a value of this version, and decodes it.
func (s *Scanner) get(key string, value any) bool {
	data, ok := s.Cache.Get(key)
	if !ok {
		return false
	}
	data, ok = bytes.CutPrefix(data, []byte(format))
	return ok && json.Unmarshal(data, value) == nil
}

func (s *Scanner) put(key string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		return // and it is found again
	}
	s.Cache.Put(key, append([]byte(format), data...))
}

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
)

// A directory is a cache for the library, with a file for each key. Who can write
// there decides what is in documents, so it must be the user's own.
type directory string

// Get returns the value of a key, if there is one.
func (d directory) Get(key string) ([]byte, bool) {
	value, err := os.ReadFile(d.file(key))
	return value, err == nil
}

// Put keeps a value. If it cannot, the value is found again the next time.
func (d directory) Put(key string, value []byte) {
	file := d.file(key)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err == nil {
		_ = cli.WriteFile(file, 0o600, cli.Bytes(value))
	}
}

// file returns the name of the file of a key, which may have any characters.
func (d directory) file(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(string(d), hex.EncodeToString(sum[:]))
}

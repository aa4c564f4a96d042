package gate

import (
	"context"
	"io"
	"io/fs"
	"os"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/inspect"
)

// inspector returns who looks into SBOMs, and into artifacts that are files: of an image or
// a digest there are no bytes here, and signatures of commits need a checkout.
func (o *Options) inspector() verify.Inspector {
	return inspect.New(inspect.Options{Open: func(_ context.Context, a hallmark.Artifact) (io.ReaderAt, error) {
		name, ok := o.files[a.Digests[0]]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return os.Open(name)
	}})
}

// Inspector returns who looks into SBOMs, for a gate that has the bytes of no artifact.
func Inspector() verify.Inspector { return inspect.New(inspect.Options{}) }

// hashed remembers the file that an artifact is. Whether it still is, the inspector
// finds out.
func (o *Options) hashed(a hallmark.Artifact, name string) {
	if o.files == nil {
		o.files = make(map[hallmark.Digest]string)
	}
	o.files[a.Digests[0]] = name
}

package oci_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
)

const digest = "sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3"

func ExampleParseImage() {
	image, err := oci.ParseImage("registry.example/team/app:v1.2.3@" + digest)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(image)
	fmt.Println(image.Repository())
	fmt.Println(image.Digest())

	// A tag says something else tomorrow.
	_, err = oci.ParseImage("registry.example/team/app:v1.2.3")
	fmt.Println(errors.Is(err, oci.ErrTag))
	// Output:
	// registry.example/team/app@sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3
	// registry.example/team/app
	// sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3
	// true
}

// The image as the subject of a statement.
func ExampleImage_Artifact() {
	image, err := oci.ParseImage("registry.example/team/app@" + digest)
	if err != nil {
		log.Fatal(err)
	}
	a, err := hallmark.ParseArtifact(image.String())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Name == image.Artifact().Name, a.Digest("sha256") == image.Digest())
	fmt.Println(image.Artifact().Name)
	// Output:
	// true true
	// registry.example/team/app
}

// The whole way: from a tag to an image, and from a signed statement to one that
// is found beside the image.
func ExampleClient_Attach() {
	ctx := context.Background()
	r := newRegistry() // yours is on another host, and speaks https
	defer r.Close()
	r.app()
	client := oci.Client{HTTP: r.Client(), PlainHTTP: true}

	image, err := client.Resolve(ctx, r.host()+"/team/app:v1")
	if err != nil {
		log.Fatal(err)
	}

	signer, err := sign.NewSigner(ed25519.NewKeyFromSeed([]byte("an example is no place for a key")))
	if err != nil {
		log.Fatal(err)
	}
	st, err := provenance.New("https://example.com/reviewed/v1", map[string]any{"by": "two people"}, image.Artifact())
	if err != nil {
		log.Fatal(err)
	}
	payload, err := st.Marshal()
	if err != nil {
		log.Fatal(err)
	}
	env, err := sign.Sign(ctx, provenance.MediaType, payload, signer)
	if err != nil {
		log.Fatal(err)
	}

	for range 2 { // the second time, it is there already
		added, err := client.Attach(ctx, image, env)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("added", len(added))
	}

	found, skipped, err := client.Find(ctx, image)
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range found {
		fmt.Println(a.ArtifactType, a.Annotations["in-toto.io/predicate-type"], len(a.Envelope.Signatures))
	}
	fmt.Println("skipped", len(skipped))
	// Output:
	// added 1
	// added 0
	// application/vnd.in-toto+json https://example.com/reviewed/v1 1
	// skipped 0
}

// A tag is moved after the image was written down.
func ExampleClient_Drift() {
	ctx := context.Background()
	r := newRegistry()
	defer r.Close()
	client := oci.Client{HTTP: r.Client(), PlainHTTP: true}
	recorded := strings.Replace(r.app(), "@", ":v1@", 1) // as a Pod has it that runs

	_, moved, err := client.Drift(ctx, recorded)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(moved)

	r.put("v1", manifestType, object{"schemaVersion": 2, "layers": []object{}})
	now, moved, err := client.Drift(ctx, recorded)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(moved, now.Digest())
	// Output:
	// false
	// true sha256:07245a108b0a1f0b4d521ebca33644c70c52c8fda8b5056a4299ce3e20ddfe64
}

// What was attached by others, and what cannot be read.
func ExampleClient_Find() {
	ctx := context.Background()
	r := newRegistry()
	defer r.Close()
	r.API = true
	client := oci.Client{HTTP: r.Client(), PlainHTTP: true}
	image, err := oci.ParseImage(r.app())
	if err != nil {
		log.Fatal(err)
	}
	subject := image.Digest().String()
	r.refer(subject, bundleType, r.blob(bundleType, []byte(bundle("text/plain", "hello"))))
	r.refer(subject, bundleType, r.blob(bundleType, []byte("{}")))

	found, skipped, err := client.Find(ctx, image)
	if err != nil {
		log.Fatal(err) // nothing is known of what is attached
	}
	for _, a := range found {
		fmt.Printf("%s: %s\n", a.Envelope.PayloadType, a.Envelope.Payload)
	}
	for _, why := range skipped {
		_, reason, _ := strings.Cut(why.Error(), ": layer ")
		fmt.Println("skipped: layer", reason)
	}
	// Output:
	// text/plain: hello
	// skipped: layer sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a: malformed envelope: no payloadType
}

// Provenance is on the index, and an SBOM on each of its manifests.
func ExampleClient_Platforms() {
	ctx := context.Background()
	r := newRegistry()
	defer r.Close()
	client := oci.Client{HTTP: r.Client(), PlainHTTP: true}
	r.put("multi", indexType, object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{
		{"mediaType": manifestType, "size": 1, "digest": digestOf([]byte("1")), "platform": object{"os": "linux", "architecture": "amd64"}},
		{"mediaType": manifestType, "size": 1, "digest": digestOf([]byte("2")), "platform": object{"os": "linux", "architecture": "arm", "variant": "v7"}},
	}})
	image, err := client.Resolve(ctx, r.host()+"/team/app:multi")
	if err != nil {
		log.Fatal(err)
	}
	platforms, err := client.Platforms(ctx, image)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range platforms {
		fmt.Println(p, p.Image.Digest()) // client.Attach(ctx, p.Image, …)
	}
	// Output:
	// linux/amd64 sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b
	// linux/arm/v7 sha256:d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35
}

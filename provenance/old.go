package provenance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// An oldBuild is a predicate of version 0.2 or 0.1 while it is read:
//
//	v0.2                             v0.1                         v1
//	buildType                        recipe.type                  buildDefinition.buildType
//	invocation.parameters            recipe.arguments             buildDefinition.externalParameters
//	invocation.configSource          recipe.definedInMaterial     … .source, and a resolved dependency
//	invocation.configSource
//	    .entryPoint                  recipe.entryPoint            … .entryPoint
//	invocation.environment           recipe.environment           buildDefinition.internalParameters
//	materials                        materials                    buildDefinition.resolvedDependencies
//	builder.id                       builder.id                   runDetails.builder.id
//	metadata.buildInvocationId       metadata.buildInvocationId   runDetails.metadata.invocationId
//	metadata.buildStartedOn          metadata.buildStartedOn      runDetails.metadata.startedOn
//	metadata.buildFinishedOn         metadata.buildFinishedOn     runDetails.metadata.finishedOn
//	buildConfig                      –                            –
//	metadata.completeness            metadata.completeness        –
//	metadata.reproducible            metadata.reproducible        –
type oldBuild struct {
	Build
	losses []Loss

	parameters string // path of the external parameters
	materials  []ResourceDescriptor
	config     ResourceDescriptor // configSource, its uri and digest
	entryPoint string
	material   string // definedInMaterial, as it is written
}

// parseOld reads provenance of version 0.2 or 0.1.
func parseOld(s *Statement) (*oldBuild, error) {
	o := new(oldBuild)
	o.note(Note, "$", "read as version 1, by the migration table of SLSA")
	read := o.readV02
	if s.PredicateType == PredicateTypeV01 {
		read = o.readV01
	}
	err := strictjson.Read(s.Predicate, func(r *strictjson.Reader) error {
		return r.Object(func(name string) error { return read(r, name) })
	})
	if err != nil {
		return nil, fmt.Errorf("malformed provenance: %w", err)
	}

	if o.material != "" {
		const path = "$.recipe.definedInMaterial"
		i, err := strconv.Atoi(o.material)
		if err != nil || i < 0 || i >= len(o.materials) || strconv.Itoa(i) != o.material { // +0 and 00 are none
			o.lose(path, "no material has this index")
		} else {
			o.config.URI = o.materials[i].URI
			others := slices.Delete(slices.Clone(o.materials), i, i+1)
			if o.config.URI == "" || slices.ContainsFunc(others, func(d ResourceDescriptor) bool { return d.URI == o.config.URI }) {
				o.lose(path, "the material has no uri of its own")
			}
		}
	}
	o.parameter("source", o.config.URI)
	o.parameter("entryPoint", o.entryPoint)
	for _, d := range o.materials {
		if !d.isZero() {
			o.Dependencies = append(o.Dependencies, d)
		}
	}
	same := func(d ResourceDescriptor) bool {
		return d.URI == o.config.URI && (len(o.config.Digest) == 0 || maps.Equal(d.Digest, o.config.Digest))
	}
	if !o.config.isZero() && !slices.ContainsFunc(o.Dependencies, same) {
		o.Dependencies = append(o.Dependencies, o.config)
	}
	if o.Type != "" {
		o.note(Warning, "$"+strings.TrimPrefix(oldType(s), "$.predicate"), "%.200q does not describe the parameters of version 1", hideUsers(o.Type))
	}
	return o, nil
}

// oldType returns the path of the build type.
func oldType(s *Statement) string {
	if s.PredicateType == PredicateTypeV01 {
		return "$.predicate.recipe.type"
	}
	return "$.predicate.buildType"
}

// lose records that a value is not in the Build.
func (o *oldBuild) lose(path, why string) {
	o.losses = append(o.losses, Loss{"$.predicate" + path[len("$"):], why})
}

// drop reads a value that is not in the Build.
func (o *oldBuild) drop(r *strictjson.Reader, why string) error {
	path := r.Path()
	raw, err := r.Raw()
	if err != nil {
		return err
	}
	if !empty(raw) {
		o.lose(path, why)
	}
	return nil
}

// empty reports whether a value is null, or an object or array without anything
// in it, all of which mean as much as no value.
func empty(raw json.RawMessage) bool {
	b, err := strictjson.Append(nil, raw)
	return err == nil && (string(b) == "null" || string(b) == "{}" || string(b) == "[]")
}

// unknown reads a member that is none of known. It becomes an extension of the
// object at path of version 1, unless it would be another member there.
func (o *oldBuild) unknown(r *strictjson.Reader, path, name string, known ...string) error {
	at := r.Path()
	e, err := extension(r, nil, name, known...)
	if err != nil {
		return err
	}
	if k := mistaken(name, extensible(path)...); k != "" {
		o.lose(at, "unknown, and would be "+k+" in version 1")
		return nil
	}
	if o.Extensions == nil {
		o.Extensions = make(map[string]Extensions)
	}
	if o.Extensions[path] == nil {
		o.Extensions[path] = make(Extensions)
	}
	o.Extensions[path][name] = e[name]
	return nil
}

// parameter makes value the external parameter name.
func (o *oldBuild) parameter(name, value string) {
	if value == "" {
		return
	}
	switch old := o.External[name].(type) {
	case nil:
	case string:
		if old != value {
			o.lose(member(o.parameters, name), "another value has its name in version 1")
		}
	default:
		o.lose(member(o.parameters, name), "another value has its name in version 1")
	}
	if o.External == nil {
		o.External = make(map[string]any)
	}
	o.External[name] = value
}

func (o *oldBuild) readV02(r *strictjson.Reader, name string) (err error) {
	switch name {
	case "builder":
		return o.readBuilder(r)
	case "buildType":
		o.Type, err = r.String()
	case "invocation":
		if r.Null() {
			return nil
		}
		return r.Object(func(name string) (err error) {
			switch name {
			case "configSource":
				if r.Null() {
					return nil
				}
				return r.Object(func(name string) error { return o.readConfigSource(r, name) })
			case "parameters":
				o.parameters = r.Path()
				o.External, err = readParameters(r)
			case "environment":
				o.Internal, err = readParameters(r)
			default:
				err = o.strange(r, name, "configSource", "parameters", "environment")
			}
			return err
		})
	case "buildConfig":
		return o.drop(r, "version 1 has no steps in it")
	case "metadata":
		return o.readMetadata(r)
	case "materials":
		o.materials, err = readDescriptors(r, MaxDependencies, o.note)
	default:
		err = o.unknown(r, "", name, "builder", "buildType", "invocation", "buildConfig", "metadata", "materials")
	}
	return err
}

func (o *oldBuild) readConfigSource(r *strictjson.Reader, name string) (err error) {
	switch name {
	case "uri":
		o.config.URI, err = readOptional(r)
	case "digest":
		o.config.Digest, err = readDigests(r, o.note)
	case "entryPoint":
		o.entryPoint, err = readOptional(r)
	default:
		err = o.strange(r, name, "uri", "digest", "entryPoint")
	}
	return err
}

func (o *oldBuild) readV01(r *strictjson.Reader, name string) (err error) {
	switch name {
	case "builder":
		return o.readBuilder(r)
	case "recipe":
		if r.Null() {
			return nil
		}
		return r.Object(func(name string) (err error) {
			switch name {
			case "type":
				o.Type, err = r.String()
			case "definedInMaterial":
				if r.Null() {
					return nil
				}
				if r.Kind() == '"' { // Google Cloud Build writes int64 as protocol buffers do
					o.note(Note, r.Path(), "a string, read as a number")
					o.material, err = r.String()
					return err
				}
				var n json.Number
				n, err = r.Number()
				o.material = n.String()
			case "entryPoint":
				o.entryPoint, err = readOptional(r)
			case "arguments":
				o.parameters = r.Path()
				o.External, err = readParameters(r)
			case "environment":
				o.Internal, err = readParameters(r)
			default:
				err = o.strange(r, name, "type", "definedInMaterial", "entryPoint", "arguments", "environment")
			}
			return err
		})
	case "metadata":
		return o.readMetadata(r)
	case "materials":
		o.materials, err = readDescriptors(r, MaxDependencies, o.note)
	default:
		err = o.unknown(r, "", name, "builder", "recipe", "metadata", "materials")
	}
	return err
}

// strange reads a member that is none of known, of an object that version 1 has
// no counterpart of.
func (o *oldBuild) strange(r *strictjson.Reader, name string, known ...string) error {
	path := r.Path()
	e, err := extension(r, nil, name, known...)
	if err == nil && !empty(e[name]) {
		o.lose(path, "unknown, and its object is not in version 1")
	}
	return err
}

func (o *oldBuild) readBuilder(r *strictjson.Reader) error {
	return r.Object(func(name string) (err error) {
		if name == "id" {
			o.Builder, err = r.String()
			return err
		}
		return o.unknown(r, "runDetails.builder", name, "id")
	})
}

func (o *oldBuild) readMetadata(r *strictjson.Reader) error {
	if r.Null() {
		return nil
	}
	return r.Object(func(name string) (err error) {
		switch name {
		case "buildInvocationId", "buildInvocationID": // the latter from in-toto-golang
			if o.Invocation != "" {
				return r.Errorf("a second invocation id")
			}
			if name == "buildInvocationID" {
				o.note(Note, r.Path(), "read as buildInvocationId")
			}
			o.Invocation, err = readOptional(r)
		case "buildStartedOn":
			o.Started, err = o.readOldTime(r)
		case "buildFinishedOn":
			o.Finished, err = o.readOldTime(r)
		case "completeness", "reproducible":
			err = o.drop(r, "version 1 leaves it to the builder's id")
		default:
			err = o.unknown(r, "runDetails.metadata", name, "buildInvocationId", "buildStartedOn", "buildFinishedOn", "completeness", "reproducible")
		}
		return err
	})
}

// readOldTime reads a time, and loses the one that a Build has no place for.
func (o *oldBuild) readOldTime(r *strictjson.Reader) (time.Time, error) {
	null := r.Kind() == 'n'
	t, err := o.readTime(r)
	if err == nil && !null && t.IsZero() {
		o.lose(r.Path(), "the zero time, which means none")
	}
	return t, err
}

// readOptional reads a string or null: "Unset, null, and empty field values MUST
// be interpreted equivalently."
func readOptional(r *strictjson.Reader) (string, error) {
	if r.Null() {
		return "", nil
	}
	return r.String()
}

// validateOld reports what is wrong with provenance of version 0.2 or 0.1 by
// its own rules, of which there are few.
func (s *Statement) validateOld(ps *problems) {
	o, err := parseOld(s)
	if err != nil {
		ps.add(Error, "$.predicate", "%v", err)
		return
	}
	checkURI(ps, "$.predicate.builder.id", o.Builder)
	checkURI(ps, oldType(s), o.Type)
	if o.config.URI != "" && o.material == "" {
		checkURI(ps, "$.predicate.invocation.configSource.uri", o.config.URI)
	}
	if !o.Started.IsZero() && !o.Finished.IsZero() && o.Finished.Before(o.Started) {
		ps.add(Error, "$.predicate.metadata.buildFinishedOn", "%s is before buildStartedOn", o.Finished.Format(time.RFC3339Nano))
	}
	for i, d := range o.materials {
		if !d.isZero() { // both of its members are optional here
			d.validate(ps, fmt.Sprintf("$.predicate.materials[%d]", i))
		}
	}
	*ps = append(*ps, o.Notes...)
}

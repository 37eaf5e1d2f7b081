//go:build release

// Package checks looks at what a release is made of, without making one.
package checks

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var schema = flag.String("schema", "", "goreleaser's JSON schema of its configuration")

const root = "../../.."

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func configuration(t *testing.T) map[string]any {
	t.Helper()
	var config map[string]any
	if err := yaml.Unmarshal([]byte(read(t, ".goreleaser.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	return config
}

func TestGoreleaserKnowsEverySetting(t *testing.T) {
	t.Parallel()
	compiled, err := jsonschema.NewCompiler().Compile(*schema)
	if err != nil {
		t.Fatal(err)
	}
	// As goreleaser's reader does, "0600" is a number.
	if err := compiled.Validate(plain(configuration(t))); err != nil {
		t.Error(err)
	}
}

// plain makes of what YAML has the types that JSON has.
func plain(o any) any {
	switch o := o.(type) {
	case map[string]any:
		for name := range o {
			o[name] = plain(o[name])
		}
	case []any:
		for i := range o {
			o[i] = plain(o[i])
		}
	case uint64:
		return float64(o)
	case int64:
		return float64(o)
	}
	return o
}

func TestAReleaseHasAllItsParts(t *testing.T) {
	t.Parallel()
	config := configuration(t)
	for _, part := range []string{"builds", "archives", "nfpms", "dockers", "docker_manifests", "checksum", "signs", "docker_signs", "sboms"} {
		if config[part] == nil {
			t.Errorf("a release has no %s", part)
		}
	}
	images, _ := config["dockers"].([]any)
	for i, arch := range []string{"amd64", "arm64"} {
		image, _ := images[i].(map[string]any)
		flags, _ := yaml.Marshal(image["build_flag_templates"])
		if image["goarch"] != arch || !strings.Contains(string(flags), "linux/"+arch) || image["dockerfile"] != "deploy/package/Dockerfile" {
			t.Errorf("the image for %s: %v", arch, image)
		}
	}
}

// Files that the configuration names are there.
func TestFilesOfPackagesExist(t *testing.T) {
	t.Parallel()
	packages, _ := configuration(t)["nfpms"].([]any)
	one, _ := packages[0].(map[string]any)
	contents, _ := one["contents"].([]any)
	units := 0
	for _, c := range contents {
		c, _ := c.(map[string]any)
		src, named := c["src"].(string)
		if !named {
			continue
		}
		read(t, src)
		if strings.HasSuffix(src, ".service") {
			units++
			if !strings.Contains(read(t, src), "ExecStart="+one["bindir"].(string)+"/penstock ") {
				t.Errorf("%s starts another program than the package has", src)
			}
		}
	}
	if units != 2 {
		t.Errorf("a package has %d units", units)
	}
	scripts, _ := one["scripts"].(map[string]any)
	read(t, scripts["postinstall"].(string))
}

// Both images are the same but for where the program comes from.
func TestTheImagesAreAlike(t *testing.T) {
	t.Parallel()
	final := func(name string) string {
		text := read(t, name)
		var lines []string
		for line := range strings.Lines(text[strings.LastIndex(text, "FROM scratch"):]) {
			if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "COPY") {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	if a, b := final("Dockerfile"), final("deploy/package/Dockerfile"); a != b {
		t.Errorf("the Dockerfile ends with\n%sand that of a release with\n%s", a, b)
	}
}

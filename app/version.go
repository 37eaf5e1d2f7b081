package app

import (
	"bytes"
	"io"
	"os"
	"runtime/debug"
	"strings"
)

// version is set by the linker for releases and images (-X penstock/app.version=…). An image built without a version
// has noVersion.
var version string

const noVersion = "devel"

// BuildVersion returns the version of this build: the release, else the revision of the checkout, else the build id of
// the linker, so that two different builds never have the same version.
func BuildVersion() string {
	if version != "" && version != noVersion {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		if recorded := recordedVersion(info); recorded != "" {
			return recorded
		}
	}
	if id := buildID(); id != "" {
		return noVersion + "-" + id
	}
	return noVersion
}

// recordedVersion returns the version recorded by Go: the revision of the checkout, with +dirty if it had changes, or
// the version of the module; empty when there is neither.
func recordedVersion(info *debug.BuildInfo) string {
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+dirty"
		}
	}
	module := info.Main.Version
	switch {
	case module == "(devel)":
		module = ""
	case revision != "" && strings.Contains(module, revision): // a pseudo-version, which Go derives from the revision
		module = ""
	}
	if module == "" && revision != "" {
		return revision + changed
	}
	return module
}

// buildID returns the beginning of the content id written by Go's linker, a hash of the program. Empty: not an ELF
// file, as on systems other than Linux.
func buildID() string {
	const (
		head = 64 << 10                     // bytes of the file that contain the note
		note = "\x04\x00\x00\x00Go\x00\x00" // type and name of the note (cmd/internal/buildid)
		size = 12                           // characters returned
	)
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, head))
	if err != nil {
		return ""
	}
	_, id, found := bytes.Cut(text, []byte(note))
	if !found {
		return ""
	}
	id, _, _ = bytes.Cut(id, []byte{0})
	content := id[bytes.LastIndexByte(id, '/')+1:] // action/…/content
	return string(content[:min(size, len(content))])
}

package samples

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// Call is a request to an operation of an API. Samples take its access token from the environment, or have a placeholder
// for it.
type Call struct {
	Method string
	URL    string      // percent-encoded
	Header [][2]string // names and values, besides Authorization and Content-Type
	Type   string      // media type of the body
	Body   string      // empty: none
	File   string      // name of the file whose bytes are the body; empty: the body is Body
	Form   []Field     // the body is a form with files; nil: it is not
	Bearer bool        // it takes an access token
}

// Field is a field of a form with files.
type Field struct {
	Name, Value string
	Type        string // media type of the value; empty: text
	IsFile      bool   // the value is the name of a file
}

// Of returns the call in each language; a form with files in those alone whose libraries can write it. The texts of the call are
// literals of the language, whatever is in them.
func Of(c Call) []Sample {
	if c.Body != "" || c.File != "" {
		c.Header = append([][2]string{{"Content-Type", c.Type}}, c.Header...)
	}
	all := []Sample{
		{ID: "curl", Title: "curl", Note: "For sh, bash and zsh.", Text: c.curl()},
		{ID: "php", Title: "PHP", Note: "PHP 7.1 or later, with curl.", Text: c.php()},
		{ID: "node", Title: "Node", Note: "Node 20 or later, as a module.", Text: c.node()},
		{ID: "python", Title: "Python", Note: "Python 3.8 or later, nothing to install.", Text: c.python()},
		{ID: "csharp", Title: "C#", Note: ".NET 6 or later.", Text: c.csharp()},
		{ID: "java", Title: "Java", Note: "Java 11 or later, nothing to install.", Text: c.java()},
		{ID: "apex", Title: "Apex", Note: "Add the address to the remote site settings, and keep the token in a protected setting.", Text: c.apex()},
	}
	if c.Form == nil {
		return all
	}
	able := []string{"curl", "csharp"}
	if !slices.ContainsFunc(c.Form, func(f Field) bool { return f.Type != "" }) { // which PHP and FormData send as files alone
		able = append(able, "php", "node")
	}
	return slices.DeleteFunc(all, func(s Sample) bool { return !slices.Contains(able, s.ID) })
}

func (c Call) curl() string {
	var b strings.Builder
	b.WriteString("curl -sS")
	if c.Method != "GET" {
		b.WriteString(" -X " + c.Method)
	}
	b.WriteString(" " + Shell(c.URL))
	if c.Bearer {
		b.WriteString(" \\\n  -H \"Authorization: Bearer $ACCESS_TOKEN\"")
	}
	for _, h := range c.Header {
		b.WriteString(" \\\n  -H " + Shell(h[0]+": "+h[1]))
	}
	switch {
	case c.File != "":
		b.WriteString(" \\\n  --data-binary " + Shell("@"+c.File))
	case c.Body != "":
		b.WriteString(" \\\n  --data-raw " + Shell(c.Body)) // -d would read a file for a body that begins with @
	}
	for _, f := range c.Form {
		switch {
		case f.IsFile:
			b.WriteString(" \\\n  -F " + Shell(f.Name+"=@"+f.Value))
		case f.Type != "":
			b.WriteString(" \\\n  -F " + Shell(f.Name+"="+quotedForm(f.Value)+";type="+f.Type))
		default:
			b.WriteString(" \\\n  --form-string " + Shell(f.Name+"="+f.Value))
		}
	}
	return b.String()
}

// quotedForm quotes a value of curl's -F, which ends at a ";" otherwise.
func quotedForm(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func (c Call) php() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<?php\n$call = curl_init(%s);\ncurl_setopt_array($call, [\n    CURLOPT_CUSTOMREQUEST => %s,\n    CURLOPT_RETURNTRANSFER => true,\n    CURLOPT_HTTPHEADER => [\n", single(c.URL), single(c.Method))
	if c.Bearer {
		b.WriteString("        'Authorization: Bearer ' . getenv('ACCESS_TOKEN'),\n")
	}
	for _, h := range c.Header {
		fmt.Fprintf(&b, "        %s,\n", single(h[0]+": "+h[1]))
	}
	b.WriteString("    ],\n")
	switch {
	case c.File != "":
		fmt.Fprintf(&b, "    CURLOPT_POSTFIELDS => file_get_contents(%s),\n", single(c.File))
	case c.Form != nil:
		b.WriteString("    CURLOPT_POSTFIELDS => [\n")
		for _, f := range c.Form {
			value := single(f.Value)
			if f.IsFile {
				value = "new CURLFile(" + value + ")"
			}
			fmt.Fprintf(&b, "        %s => %s,\n", single(f.Name), value)
		}
		b.WriteString("    ],\n")
	case c.Body != "":
		fmt.Fprintf(&b, "    CURLOPT_POSTFIELDS => %s,\n", single(c.Body))
	}
	b.WriteString("]);\n$body = curl_exec($call);\necho curl_getinfo($call, CURLINFO_RESPONSE_CODE), \"\\n\", $body, \"\\n\";\n")
	return b.String()
}

func (c Call) node() string {
	var b strings.Builder
	body := double(c.Body)
	switch {
	case c.File != "":
		body = "await openAsBlob(" + double(c.File) + ")"
	case c.Form != nil:
		body = "form"
	}
	if c.File != "" || c.Form != nil {
		b.WriteString("import { openAsBlob } from 'node:fs'\n\n")
	}
	if c.Form != nil {
		b.WriteString("const form = new FormData()\n")
	}
	for _, f := range c.Form {
		value := double(f.Value)
		if f.IsFile {
			value = "await openAsBlob(" + value + "), " + value
		}
		fmt.Fprintf(&b, "form.append(%s, %s)\n", double(f.Name), value)
	}
	fmt.Fprintf(&b, "const response = await fetch(%s, {\n  method: %s,\n  headers: {\n", double(c.URL), double(c.Method))
	if c.Bearer {
		b.WriteString("    Authorization: `Bearer ${process.env.ACCESS_TOKEN}`,\n")
	}
	for _, h := range c.Header {
		fmt.Fprintf(&b, "    %s: %s,\n", double(h[0]), double(h[1]))
	}
	b.WriteString("  },\n")
	if c.Body != "" || body != double(c.Body) {
		fmt.Fprintf(&b, "  body: %s,\n", body)
	}
	b.WriteString("})\nconsole.log(response.status, await response.text())\n")
	return b.String()
}

func (c Call) python() string {
	var b strings.Builder
	b.WriteString("import os\nimport urllib.error\nimport urllib.request\n\n")
	fmt.Fprintf(&b, "request = urllib.request.Request(%s, method=%s", double(c.URL), double(c.Method))
	switch {
	case c.File != "":
		fmt.Fprintf(&b, ", data=open(%s, \"rb\").read()", double(c.File))
	case c.Body != "":
		fmt.Fprintf(&b, ", data=%s.encode()", double(c.Body))
	}
	b.WriteString(")\n")
	if c.Bearer {
		b.WriteString("request.add_header(\"Authorization\", \"Bearer \" + os.environ[\"ACCESS_TOKEN\"])\n")
	}
	for _, h := range c.Header {
		fmt.Fprintf(&b, "request.add_header(%s, %s)\n", double(h[0]), double(h[1]))
	}
	b.WriteString("try:\n    with urllib.request.urlopen(request) as response:\n        print(response.status, response.read().decode())\nexcept urllib.error.HTTPError as error:\n    print(error.code, error.read().decode())\n")
	return b.String()
}

func (c Call) csharp() string {
	var b strings.Builder
	b.WriteString("using System.Net.Http;\nusing System.Text;\n\nusing var http = new HttpClient();\n")
	fmt.Fprintf(&b, "using var request = new HttpRequestMessage(new HttpMethod(%s), %s);\n", double(c.Method), double(c.URL))
	if c.Bearer {
		b.WriteString("request.Headers.Authorization = new(\"Bearer\", Environment.GetEnvironmentVariable(\"ACCESS_TOKEN\"));\n")
	}
	switch {
	case c.File != "":
		fmt.Fprintf(&b, "request.Content = new StreamContent(File.OpenRead(%s));\n", double(c.File))
	case c.Form != nil:
		b.WriteString("var form = new MultipartFormDataContent();\n")
		for _, f := range c.Form {
			switch {
			case f.IsFile:
				fmt.Fprintf(&b, "form.Add(new StreamContent(File.OpenRead(%s)), %s, %[1]s);\n", double(f.Value), double(f.Name))
			case f.Type != "":
				fmt.Fprintf(&b, "form.Add(new StringContent(%s, Encoding.UTF8, %s), %s);\n", double(f.Value), double(f.Type), double(f.Name))
			default:
				fmt.Fprintf(&b, "form.Add(new StringContent(%s), %s);\n", double(f.Value), double(f.Name))
			}
		}
		b.WriteString("request.Content = form;\n")
	case c.Body != "":
		fmt.Fprintf(&b, "request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(%s));\n", double(c.Body))
	}
	for _, h := range c.Header {
		to := "request"
		if h[0] == "Content-Type" {
			to = "request.Content"
		}
		fmt.Fprintf(&b, "%s.Headers.TryAddWithoutValidation(%s, %s);\n", to, double(h[0]), double(h[1]))
	}
	b.WriteString("using var response = await http.SendAsync(request);\nConsole.WriteLine($\"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}\");\n")
	return b.String()
}

func (c Call) java() string {
	var b strings.Builder
	b.WriteString("import java.net.URI;\nimport java.net.http.HttpClient;\nimport java.net.http.HttpRequest;\nimport java.net.http.HttpResponse;\n\npublic class Call {\n    public static void main(String[] args) throws Exception {\n")
	fmt.Fprintf(&b, "        HttpRequest request = HttpRequest.newBuilder(URI.create(%s))\n", java(c.URL))
	if c.Bearer {
		b.WriteString("            .header(\"Authorization\", \"Bearer \" + System.getenv(\"ACCESS_TOKEN\"))\n")
	}
	for _, h := range c.Header {
		fmt.Fprintf(&b, "            .header(%s, %s)\n", java(h[0]), java(h[1]))
	}
	body := "noBody()"
	switch {
	case c.File != "":
		body = "ofFile(java.nio.file.Path.of(" + java(c.File) + "))"
	case c.Body != "":
		body = "ofString(" + java(c.Body) + ")"
	}
	fmt.Fprintf(&b, "            .method(%s, HttpRequest.BodyPublishers.%s)\n            .build();\n", java(c.Method), body)
	b.WriteString("        HttpResponse<String> response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());\n        System.out.println(response.statusCode() + \" \" + response.body());\n    }\n}\n")
	return b.String()
}

func (c Call) apex() string {
	var b strings.Builder
	fmt.Fprintf(&b, "HttpRequest request = new HttpRequest();\nrequest.setEndpoint(%s);\nrequest.setMethod(%s);\n", apex(c.URL), apex(c.Method))
	if c.Bearer {
		b.WriteString("request.setHeader('Authorization', 'Bearer ' + accessToken);\n")
	}
	for _, h := range c.Header {
		fmt.Fprintf(&b, "request.setHeader(%s, %s);\n", apex(h[0]), apex(h[1]))
	}
	switch {
	case c.File != "":
		b.WriteString("request.setBodyAsBlob(file); // a Blob, such as the VersionData of a ContentVersion\n")
	case c.Body != "":
		fmt.Fprintf(&b, "request.setBody(%s);\n", apex(c.Body))
	}
	b.WriteString("HttpResponse response = new Http().send(request);\nSystem.debug(response.getStatusCode() + ' ' + response.getBody());\n")
	return b.String()
}

// Shell quotes a text for a POSIX shell.
func Shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// single quotes a text for PHP.
func single(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

// java quotes a text for Java, whose source may be read in any character set.
func java(s string) string { return ascii(double(s)) }

// apex quotes a text for Apex, whose strings are on one line and between single quotes.
func apex(s string) string {
	inner := strings.TrimSuffix(strings.TrimPrefix(double(s), `"`), `"`)
	return "'" + ascii(strings.ReplaceAll(inner, "'", `\'`)) + "'"
}

// ascii writes the characters beyond ASCII of a literal as escapes of UTF-16.
func ascii(literal string) string {
	var b strings.Builder
	for _, r := range literal {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

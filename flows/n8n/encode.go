package n8n

import (
	"strings"
)

// toCrypto writes a hash, an HMAC or a UUID into the item.
func toCrypto(c *conversion) made {
	name := c.plainParam(c.p.word("data", "dataPropertyName"))
	encoding := c.p.word("hex", "encoding")
	algorithm := strings.ToLower(c.p.word("MD5", "type"))
	switch action := c.p.word("hash", "action"); action {
	case "hash":
		if !strings.Contains(" md5 sha1 sha256 sha384 sha512 ", " "+algorithm+" ") || encoding != "hex" && encoding != "base64" || c.p.on("binaryData") {
			return c.todoStep("a hash", algorithm+" as "+encoding)
		}
		t := c.jq(c.p["value"])
		code := t.text().code + " | hash(" + literal(algorithm).code + "; " + literal(encoding).code + ")"
		return made{steps: setSteps([]assignment{{name, "${ " + code + " }", "(" + code + ")"}}, true, true)}
	case "hmac":
		if !strings.Contains(" md5 sha1 sha256 sha384 sha512 ", " "+algorithm+" ") || encoding != "hex" && encoding != "base64" || c.p.on("binaryData") {
			return c.todoStep("a hash", algorithm+" as "+encoding)
		}
		secret := connectionName(c.n.Name, "hmac")
		c.secrets = append(c.secrets, secret)
		c.check(c.n, "its key is the secret "+secret+", which has to be stored")
		return made{steps: []step{{body: mapping{{"encode", mapping{{"hmac", c.value(c.p["value"])}, {"secret", secret}, {"algorithm", algorithm}, {"output", encoding}, {"as", name}}}}}}}
	case "generate":
		if c.p.word("uuid", "encodingType") == "uuid" {
			return made{steps: setSteps([]assignment{{name, "${ uuid }", "uuid"}}, true, true)}
		}
	}
	return c.todoStep("the node crypto", "there is no equivalent of "+c.p.text("action")+" "+c.p.text("encodingType"))
}

// toXML reads XML of a field, or writes the item as XML.
func toXML(c *conversion) made {
	field := c.plainParam(c.p.word("data", "dataPropertyName"))
	if c.p.text("mode") == "jsonToxml" {
		if hasContent(c.p["options"]) {
			c.check(c.n, "options of the XML that is written are not taken over")
		}
		return made{steps: []step{
			{body: mapping{{"encode", mapping{{"xml", "${ if length == 1 then . else {root: .} end }"}}}}},
			{body: mapping{{"set", mapping{{field, "${ . }"}}}}},
		}}
	}
	if hasContent(c.p["options"]) {
		c.check(c.n, "options of the XML that is read are not taken over")
	}
	c.check(c.n, "attributes are members with @ before their name, and the text beside them is #text")
	return made{steps: []step{{body: mapping{{"encode", mapping{{"xml", "${ " + jqPath(field) + " }"}, {"decode", true}}}}}}}
}

// A file is here a text in the member that n8n names for it: CSV, JSON, text. Other formats have no equivalent.

// toConvertToFile writes items as CSV or JSON.
func toConvertToFile(c *conversion) made {
	field := c.p.word("data", "binaryPropertyName")
	each := c.p.text("mode") == "each"
	op := c.p.word("csv", "operation")
	if c.n.kind == "spreadsheetFile" {
		op = "csv"
	}
	switch op {
	case "csv":
		options := mapping{{"csv", "${ . }"}}
		if d := c.p.text("options", "delimiter"); d != "" && d != "," {
			options = append(options, pair{"delimiter", d})
		}
		if c.p.get("options", "headerRow") == false {
			options = append(options, pair{"header", false})
		}
		c.check(c.n, "the file is a text in the item, and columns are sorted by name")
		steps := c.all(".")
		c.sc.single = true
		return made{steps: append(steps, step{body: mapping{{"encode", options}}}, step{body: mapping{{"set", mapping{{field, "${ . }"}}}}})}
	case "toJson":
		c.check(c.n, "the file is a text in the item")
		if each {
			return made{steps: []step{{body: mapping{{"set", mapping{{field, "${ tojson }"}}}}}}}
		}
		steps := c.all("{" + literal(field).code + ": tojson}")
		c.sc.single = true
		return made{steps: steps}
	case "toText":
		source := c.path(c.plainParam(c.p.text("sourceProperty")))
		c.check(c.n, "the file is a text in the item")
		steps := c.all("{" + literal(field).code + ": (map(" + source + ` | tostring) | join("\n"))}`)
		c.sc.single = true
		return made{steps: steps}
	case "toBinary":
		source := c.path(c.plainParam(c.p.text("sourceProperty")))
		c.check(c.n, "the file is a text in the item, so that it has to be one")
		return made{steps: []step{{body: mapping{{"set", mapping{{field, "${ " + source + " | @base64d }"}}}}}}}
	default:
		return c.todoStep("a file of the format "+op, "there is no equivalent of the format "+op)
	}
}

// toSpreadsheet writes a node of the time before convertToFile and extractFromFile.
func toSpreadsheet(c *conversion) made {
	format := c.p.word("autodetect", "fileFormat")
	if c.p.text("operation") == "toFile" {
		if format = c.p.word("xls", "fileFormat"); format == "csv" {
			return toConvertToFile(c)
		}
	} else if format == "csv" || format == "autodetect" {
		c.check(c.n, "the file is taken to be CSV")
		return toExtractFromFile(c)
	}
	return c.todoStep("a file of the format "+format, "there is no equivalent of the format "+format)
}

// toExtractFromFile reads CSV, JSON, XML or text.
func toExtractFromFile(c *conversion) made {
	op := c.p.word("csv", "operation")
	if c.n.kind == "spreadsheetFile" {
		op = "csv"
	}
	field := jqPath(c.plainParam(c.p.word("data", "binaryPropertyName")))
	key := literal(c.p.word("data", "destinationKey")).code
	note := "the file is taken to be a text in the item; for a file of the run see read_file"
	switch op {
	case "csv":
		c.check(c.n, note)
		options := mapping{{"csv", "${ " + field + " }"}, {"decode", true}}
		if d := c.p.text("options", "delimiter"); d != "" && d != "," {
			options = append(options, pair{"delimiter", d})
		}
		c.sc.single = false
		return made{steps: []step{{body: mapping{{"encode", options}}}, {body: mapping{{"split", ".[]"}}}}}
	case "fromJson":
		c.check(c.n, note)
		return made{steps: one("{" + key + ": (" + field + " | fromjson)}")}
	case "text", "xml":
		c.check(c.n, note)
		return made{steps: one("{" + key + ": " + field + "}")}
	default:
		return c.todoStep("a file of the format "+op, "there is no equivalent of the format "+op)
	}
}

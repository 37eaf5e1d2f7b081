package telemetry

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	about "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	otlp "go.opentelemetry.io/proto/slim/otlp/trace/v1"
)

// encodeSpans groups spans by their instrumentation library. All spans must be of one process.
func encodeSpans(spans []sdktrace.ReadOnlySpan) []*otlp.ResourceSpans {
	if len(spans) == 0 {
		return nil
	}
	byScope := map[string]*otlp.ScopeSpans{}
	all := &otlp.ResourceSpans{Resource: &about.Resource{Attributes: encodeAttributes(spans[0].Resource().Attributes())}}
	for _, s := range spans {
		scope := s.InstrumentationScope()
		group := byScope[scope.Name]
		if group == nil {
			group = &otlp.ScopeSpans{Scope: &common.InstrumentationScope{Name: scope.Name, Version: scope.Version}}
			byScope[scope.Name] = group
			all.ScopeSpans = append(all.ScopeSpans, group)
		}
		group.Spans = append(group.Spans, encodeSpan(s))
	}
	return []*otlp.ResourceSpans{all}
}

func encodeSpan(s sdktrace.ReadOnlySpan) *otlp.Span {
	own, parent := s.SpanContext(), s.Parent()
	trace, id := own.TraceID(), own.SpanID()
	out := &otlp.Span{
		TraceId: trace[:], SpanId: id[:], TraceState: own.TraceState().String(), Flags: uint32(own.TraceFlags()),
		Name: s.Name(), Kind: otlp.Span_SpanKind(s.SpanKind()), // both enumerations agree: internal is 1
		StartTimeUnixNano: nanos(s.StartTime()), EndTimeUnixNano: nanos(s.EndTime()),
		Attributes: encodeAttributes(s.Attributes()), DroppedAttributesCount: uint32(s.DroppedAttributes()),
		Status: &otlp.Status{Code: status(s.Status().Code), Message: s.Status().Description},
	}
	if parent.SpanID().IsValid() {
		up := parent.SpanID()
		out.ParentSpanId = up[:]
	}
	return out
}

func nanos(t time.Time) uint64 { return uint64(max(0, t.UnixNano())) }

func status(c codes.Code) otlp.Status_StatusCode {
	switch c {
	case codes.Ok:
		return otlp.Status_STATUS_CODE_OK
	case codes.Error:
		return otlp.Status_STATUS_CODE_ERROR
	}
	return otlp.Status_STATUS_CODE_UNSET
}

func encodeAttributes(attrs []attribute.KeyValue) []*common.KeyValue {
	out := make([]*common.KeyValue, len(attrs))
	for i, a := range attrs {
		out[i] = &common.KeyValue{Key: string(a.Key), Value: encodeValue(a.Value)}
	}
	return out
}

// encodeValue converts the attribute types that are in use; others become text.
func encodeValue(v attribute.Value) *common.AnyValue {
	switch v.Type() {
	case attribute.BOOL:
		return &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: v.AsBool()}}
	case attribute.INT64:
		return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: v.AsInt64()}}
	case attribute.FLOAT64:
		return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: v.AsFloat64()}}
	case attribute.STRING:
		return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: v.AsString()}}
	}
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: v.String()}}
}

# The build needs nothing but Go; the image holds one static binary.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# timetzdata: the image has no time zones. nomsgpack: no route speaks it.
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags timetzdata,nomsgpack \
    -ldflags "-s -w" -o /out/penstock ./cmd/penstock

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/penstock /penstock
USER 65532:65532
ENV PENSTOCK_LISTEN=:8080
EXPOSE 8080
ENTRYPOINT ["/penstock"]
CMD ["api"]

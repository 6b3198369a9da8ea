# A static binary and nothing else: no shell, no package manager, no root.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
ARG REVISION=unknown
ARG DATE=unknown
RUN GOFLAGS=-trimpath make build VERSION="$VERSION" REVISION="$REVISION" DATE="$DATE" \
 && install -d -o 65532 -g 65532 /root-of-image/var/lib/wardround \
 && install -D bin/wardround /root-of-image/usr/bin/wardround \
 && install -D -m 644 /etc/ssl/certs/ca-certificates.crt /root-of-image/etc/ssl/certs/ca-certificates.crt \
 && install -D -m 644 LICENSE /root-of-image/usr/share/doc/wardround/LICENSE

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
ARG DATE=unknown
LABEL org.opencontainers.image.title="Wardround" \
      org.opencontainers.image.description="Prometheus exporter and SLO daemon for multi-tenant Odoo platforms" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$DATE"
COPY --from=build /root-of-image/ /
USER 65532:65532
VOLUME /var/lib/wardround
EXPOSE 9797
ENTRYPOINT ["/usr/bin/wardround"]
CMD ["serve", "--config.file=/etc/wardround/wardround.yaml", "--storage.path=/var/lib/wardround"]

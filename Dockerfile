# docker build -t burnish . && docker run --rm -p 127.0.0.1:8188:8188 -e BURNISH_TOKEN=secret -v burnish:/data burnish
FROM rust:1.95-slim-trixie AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --release --locked -p burnish

FROM debian:trixie-slim
# A directory for models is there from the beginning: a server that is told of one that is missing does not start.
RUN useradd --uid 10001 --create-home --home-dir /data burnish && mkdir /data/models && chown burnish /data/models
COPY --from=build /source/target/release/burnish /usr/local/bin/burnish
COPY --from=build /source/workflows/models /usr/local/share/burnish/models
USER burnish
WORKDIR /data
VOLUME /data
EXPOSE 8188
# Everybody who reaches the container's port needs the token: without BURNISH_TOKEN it does not start.
ENTRYPOINT ["burnish", "serve", "--listen", "0.0.0.0", "--base-directory", "/data"]
CMD ["--models", "/data/models", "--models", "/usr/local/share/burnish/models"]

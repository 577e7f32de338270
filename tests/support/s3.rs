//! An S3 server in the process. s3s-fs checks a condition and renames without a lock: `locked` puts one lock a key around its PUT.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;

/// The server's only bucket.
pub const BUCKET: &str = "shop";

/// A running server; it ends with this value.
pub struct Server {
    /// Where it listens.
    pub endpoint: String,
    _runtime: tokio::runtime::Runtime,
}

/// s3s-fs, with one lock a key around PUT where `locked`.
struct Files {
    inner: FileSystem,
    locked: bool,
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

#[async_trait::async_trait]
impl S3 for Files {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let lock = self.locks.lock().expect("no thread dies here").entry(request.input.key.clone()).or_default().clone();
        let _held = if self.locked { Some(lock.lock().await) } else { None };
        self.inner.put_object(request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.inner.get_object(request).await
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.inner.head_object(request).await
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.inner.list_objects_v2(request).await
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.inner.delete_object(request).await
    }
}

/// Starts a server over a folder.
pub fn serve(folder: &Path, locked: bool) -> Server {
    std::fs::create_dir_all(folder.join(BUCKET)).expect("a bucket");
    let files = Files { inner: FileSystem::new(folder).expect("a file system"), locked, locks: Mutex::default() };
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single("key", "very-secret"));
    let service = builder.build();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    runtime.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Server { endpoint, _runtime: runtime }
}

impl Server {
    /// The options of a store over this server, as a YAML mapping; the secret is taken from the environment variable given.
    pub fn options(&self, secret_variable: &str) -> String {
        format!(
            "{{endpoint: '{}', allow_http: 'true', region: us-east-1, access_key_id: key, secret_access_key: '${{secret:{secret_variable}}}'}}",
            self.endpoint
        )
    }
}

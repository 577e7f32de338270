//! Something between the program and its stores: it sees every operation before and after, and may make it fail.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use regulars::store::{Calls, SystemCalls};

/// What sees the operations.
pub trait Interpose: fmt::Debug + Send + Sync {
    /// An operation is about to be carried out; an error keeps it from being so.
    fn before(&self, operation: &'static str) -> Result<()>;
    /// An operation was carried out; an error loses its answer.
    fn after(&self, operation: &'static str) -> Result<()>;
    /// How many of the bytes that were read arrive.
    fn arriving(&self, bytes: usize) -> usize {
        bytes
    }
}

/// A store with something in between.
#[derive(Debug)]
pub struct Between {
    /// The store.
    pub inner: Arc<dyn ObjectStore>,
    /// What is in between.
    pub what: Arc<dyn Interpose>,
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}

impl Between {
    fn cut(&self, bytes: &Bytes) -> Bytes {
        bytes.slice(..self.what.arriving(bytes.len()))
    }
}

#[async_trait::async_trait]
impl ObjectStore for Between {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.what.before("put")?;
        let result = self.inner.put_opts(location, payload, options).await?;
        self.what.after("put")?;
        Ok(result)
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.what.before("get")?;
        let head = options.head;
        let result = self.inner.get_opts(location, options).await?;
        self.what.after("get")?;
        if head {
            return Ok(result);
        }
        let (meta, range, attributes, extensions) = (result.meta.clone(), result.range.clone(), result.attributes.clone(), result.extensions.clone());
        let bytes = self.cut(&result.bytes().await?);
        let payload = GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes, extensions })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.what.before("ranges")?;
        let parts = self.inner.get_ranges(location, ranges).await?;
        self.what.after("ranges")?;
        Ok(parts.iter().map(|part| self.cut(part)).collect())
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.what.before("delete") {
            Ok(()) => self.inner.delete_stream(locations),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.what.before("list") {
            Ok(()) => {
                let what = self.what.clone();
                self.inner.list(prefix).chain(stream::once(async move { what.after("list") }).filter_map(|end| async { end.err().map(Err) })).boxed()
            }
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// The calls to the disk, each told before it is made: its name, its path, and the path of the second name where there is one.
#[derive(Debug)]
pub struct Told<T>(pub T);

/// Who is told of calls.
pub trait Listener: fmt::Debug + Send + Sync {
    /// A call is about to be made.
    fn call(&self, name: &'static str, path: &FilePath, to: Option<&FilePath>, bytes: Option<&[u8]>);
}

impl<T: Listener> Calls for Told<T> {
    fn make_folder(&self, path: &FilePath) -> io::Result<()> {
        self.0.call("make_folder", path, None, None);
        SystemCalls.make_folder(path)
    }

    fn write(&self, path: &FilePath, bytes: &[u8]) -> io::Result<()> {
        self.0.call("write", path, None, Some(bytes));
        SystemCalls.write(path, bytes)
    }

    fn sync_file(&self, path: &FilePath) -> io::Result<()> {
        self.0.call("sync_file", path, None, None);
        SystemCalls.sync_file(path)
    }

    fn link(&self, from: &FilePath, to: &FilePath) -> io::Result<()> {
        self.0.call("link", from, Some(to), None);
        SystemCalls.link(from, to)
    }

    fn rename(&self, from: &FilePath, to: &FilePath) -> io::Result<()> {
        self.0.call("rename", from, Some(to), None);
        SystemCalls.rename(from, to)
    }

    fn remove(&self, path: &FilePath) -> io::Result<()> {
        self.0.call("remove", path, None, None);
        SystemCalls.remove(path)
    }

    fn sync_folder(&self, path: &FilePath) -> io::Result<()> {
        self.0.call("sync_folder", path, None, None);
        SystemCalls.sync_folder(path)
    }
}
